/** windows.db returns exactly what was committed: over random streams, the rows of a state in memory. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { WindowStore } from "../../scripts/store/window-store.ts";
import type { StepResult } from "../../scripts/window/state.ts";
import { rowsOf, tempDir } from "../support/data.ts";
import { MemoryState } from "../support/memory-state.ts";
import { type Committed, play, proofs, settings, stream } from "../support/streams.ts";

const CASES = Math.ceil(Number(process.env.TIDEMARK_CASES ?? 300) / 6);

/** The store behind the job's view of committed state; a restart opens the file again. */
class FileState implements Committed {
  #store: WindowStore;

  constructor(readonly path: string) {
    this.#store = this.#open();
  }

  product = (id: string) => this.#store.product(id);
  closed = (id: string, size_us: number) => this.#store.closed(id, size_us);
  openWindows = (id: string, size_us: number) => this.#store.openWindows(id, size_us);
  closedWindow = (id: string, size_us: number, start_us: number) => this.#store.closedWindow(id, size_us, start_us);
  nextClosed = (id: string, size_us: number, start_us: number) => this.#store.nextClosed(id, size_us, start_us);
  seenBlock = (id: string, block: number) => this.#store.seenBlock(id, block);
  seenBlocks = (id: string, from: number, to: number) => this.#store.seenBlocks(id, from, to);
  unissued = (id: string) => this.#store.unissued(id);
  closedOver = (...of: Parameters<WindowStore["closedOver"]>) => this.#store.closedOver(...of);
  productIds = () => this.#store.productIds();

  store(step: StepResult, next: number): void {
    const positions = new Map([[0, { next, seen_us: 0 }]]);
    this.#store.commit({
      ...step,
      dead: [],
      counters: { ...step.counts },
      positions,
      firsts: new Map(),
      closings: [],
      derive: () => ({}),
    });
  }

  reopen(): void {
    this.#store.close();
    this.#store = this.#open();
  }

  close(): void {
    this.#store.close();
  }

  #open(): WindowStore {
    const store = new WindowStore(this.path);
    store.take(0);
    return store;
  }
}

const ordered = (rows: object[]) => rows.map((row) => JSON.stringify(Object.entries(row).sort())).sort();

test(`${CASES} random streams over the real file: the same windows, revisions, late ticks and counts as in memory`, () => {
  const spans = fc.array(fc.tuple(fc.nat(130), fc.constantFrom(0, 1, 5, 60)), { minLength: 5, maxLength: 5 });
  const property = fc.property(fc.oneof(stream, proofs), settings, spans, (steps, how, found) => {
    using dir = tempDir();
    const file = new FileState(join(dir.path, "windows.db"));
    const memory = new MemoryState();
    const counts = play(steps, how, file);
    expect(counts).toEqual(play(steps, how, memory));
    const starts = (state: Committed, size_us: number, [lo, more]: [number, number]) =>
      [...new Set(state.closedOver("BTC-USD", size_us, lo, lo + more))].sort((a, b) => a - b);
    for (const { size_us } of how.windows)
      for (const span of found) expect(starts(file, size_us, span)).toEqual(starts(memory, size_us, span));
    expect(file.unissued("BTC-USD")).toEqual(memory.unissued("BTC-USD"));
    file.close();
    const stored = (table: string) =>
      rowsOf<Record<string, unknown>>(dir.path, "windows.db", `SELECT * FROM ${table}`).map((row) => {
        const { updated_at, change_id, ...rest } = row;
        return rest;
      });
    expect(ordered(stored("windows"))).toEqual(ordered([...memory.windows.values()]));
    expect(ordered(stored("window_revisions"))).toEqual(ordered([...memory.revisions.values()].flat()));
    expect(ordered(stored("late_ticks"))).toEqual(ordered(memory.late));
    const counted = rowsOf<{ name: string; value: number }>(dir.path, "windows.db", "SELECT name, value FROM counters");
    const total = (name: string) => counted.find((row) => row.name === name)?.value ?? 0;
    for (const [name, value] of Object.entries(counts)) expect([name, total(name)]).toEqual([name, value]);
  });
  fc.assert(property, { numRuns: CASES });
}, 600_000);
