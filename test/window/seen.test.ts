/** Seen ids: the answers of a set in any order and over any commits, and a size that follows the ids. */
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { WindowStore } from "../../scripts/store/window-store.ts";
import { SeenIds } from "../../scripts/window/seen.ts";
import { tempDir } from "../support/data.ts";

/** Committed blocks in memory. */
function source() {
  const blocks = new Map<number, Uint8Array | null>();
  const between = (from: number, to: number) => [...blocks.keys()].filter((block) => block >= from && block <= to);
  return { blocks, load: (block: number) => blocks.get(block), between };
}

const id = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 200 }) },
  { weight: 2, arbitrary: fc.integer({ min: 4_000, max: 8_300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }) },
);
const run = fc.tuple(fc.integer({ min: 0, max: 9_000 }), fc.integer({ min: 1, max: 5_000 }));

test("random ids and runs of ids, over commits and restarts: the answers of a set", () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: id.map((one) => ({ ids: [one] })) },
    { weight: 1, arbitrary: run.map(([from, n]) => ({ ids: Array.from({ length: n }, (_, i) => from + i) })) },
    { weight: 2, arbitrary: fc.constantFrom("commit" as const, "restart" as const) },
  );
  const property = fc.property(fc.array(step, { maxLength: 60 }), id, id, (steps, a, b) => {
    const stored = source();
    let seen = new SeenIds("A", stored);
    const commit = () => {
      for (const { block, bits } of seen.dirty()) stored.blocks.set(block, bits?.slice() ?? null);
      seen.committed();
    };
    const set = new Set<number>();
    for (const one of steps) {
      if (typeof one === "string") {
        commit();
        if (one === "restart") seen = new SeenIds("A", stored);
        continue;
      }
      for (const each of one.ids) {
        if (seen.add(each) === set.has(each)) throw new Error(`${each}`);
        set.add(each);
      }
    }
    commit();
    const [after, last] = [Math.min(a, b), Math.max(a, b)];
    const between = [...set].filter((each) => each > after && each <= last).length;
    expect(seen.countBetween(after, last)).toBe(between);
    expect(new SeenIds("A", stored).countBetween(after, last)).toBe(between);
  });
  fc.assert(property, { numRuns: 200 });
});

test("a bitmap that schema 1 stored is read", () => {
  const stored = source();
  stored.blocks.set(0, new Uint8Array(512).with(0, 0b101));
  stored.blocks.set(1, null);
  const seen = new SeenIds("A", stored);
  expect([0, 1, 2, 3, 4_096, 8_192].map((one) => seen.add(one))).toEqual([false, true, false, true, false, true]);
});

test("every 5,000th id, and every id: windows.db grows by fewer than 60 bytes per id", () => {
  for (const step of [5_000, 4_097, 1_000, 130, 60, 1]) {
    using dir = tempDir();
    const path = join(dir.path, "windows.db");
    const store = new WindowStore(path);
    const seen = new SeenIds("BTC-USD", {
      load: (block) => store.seenBlock("BTC-USD", block),
      between: (from, to) => store.seenBlocks("BTC-USD", from, to),
    });
    store.take(0);
    const before = statSync(path).size;
    for (let i = 0; i < 20_000; i++) seen.add(i * step);
    const nothing = {
      updated: [],
      closed: [],
      late: [],
      out_of_order: [],
      revisions: [],
      products: [],
      ends: [],
      unissued: [],
      dead: [],
      closings: [],
      counters: {},
    };
    const positions = new Map([[0, { next: 1, seen_us: 1 }]]);
    store.commit({ ...nothing, seen: seen.dirty(), positions, firsts: new Map(), derive: () => ({}) });
    store.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    expect([step, (statSync(path).size - before) / 20_000 < 60]).toEqual([step, true]);
    store.close();
  }
});
