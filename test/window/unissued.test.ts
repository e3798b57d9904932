/** Ids never issued: the spans of a set in any order, over commits and restarts, within their limit. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Position } from "../../scripts/contract/tick.ts";
import { WindowJob } from "../../scripts/window/job.ts";
import { SeenIds } from "../../scripts/window/seen.ts";
import { UNISSUED_SPANS_MAX, UnissuedIds } from "../../scripts/window/unissued.ts";
import { MemoryState } from "../support/memory-state.ts";

const MINUTE = 60_000_000;
const BASE = 1_693_929_600_000_000;
const nothing = () => new SeenIds("A", { load: () => undefined, between: () => [] });

test("random proofs and ticks, over commits and restarts: a set of ids, in spans that neither touch nor overlap", () => {
  const id = fc.nat(60);
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(id, fc.nat(6)).map(([first, more]) => ({ first, last: first + more })) },
    { weight: 3, arbitrary: id.map((see) => ({ see })) },
    { weight: 1, arbitrary: fc.constantFrom("commit" as const, "restart" as const) },
  );
  const property = fc.property(fc.array(step, { maxLength: 60 }), id, id, (steps, a, b) => {
    const rows = new Map<number, number>();
    const stored = () =>
      [...rows].sort(([x], [y]) => x - y).map(([first_trade_id, last_trade_id]) => ({ first_trade_id, last_trade_id }));
    const seen = nothing();
    const [isSeen, expected] = [new Set<number>(), new Set<number>()];
    let ids = new UnissuedIds("A", []);
    for (const one of steps) {
      if (typeof one === "string") {
        for (const { first_trade_id, last_trade_id } of ids.dirty()) {
          if (last_trade_id === null) rows.delete(first_trade_id);
          else rows.set(first_trade_id, last_trade_id);
        }
        ids.committed();
        if (one === "restart") ids = new UnissuedIds("A", stored());
      } else if ("see" in one) {
        seen.add(one.see);
        isSeen.add(one.see);
        expect(ids.see(one.see)).toBe(Number(expected.delete(one.see)));
      } else {
        const fresh = Array.from({ length: one.last - one.first + 1 }, (_, i) => one.first + i).filter(
          (each) => !isSeen.has(each) && !expected.has(each),
        );
        const spans = ids.add(one.first, one.last, seen);
        expect(spans.flatMap(({ lo, hi }) => Array.from({ length: hi - lo + 1 }, (_, i) => lo + i))).toEqual(fresh);
        for (const each of fresh) expected.add(each);
      }
      const [after, last] = [Math.min(a, b), Math.max(a, b)];
      expect(ids.countBetween(after, last)).toBe([...expected].filter((each) => each > after && each <= last).length);
    }
    for (const { first_trade_id, last_trade_id } of ids.dirty())
      if (last_trade_id === null) rows.delete(first_trade_id);
      else rows.set(first_trade_id, last_trade_id);
    const spans = stored();
    const all = spans.flatMap(({ first_trade_id: first, last_trade_id: last }) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i),
    );
    expect(all).toEqual([...expected].sort((x, y) => x - y));
    for (const [i, { first_trade_id }] of spans.entries())
      if (i > 0) expect(first_trade_id).toBeGreaterThan(spans[i - 1]!.last_trade_id + 1);
  });
  fc.assert(property, { numRuns: 300 });
});

test("beyond the limit of spans a proof is left out, one that touches a span is not; a split drops the upper part", () => {
  const seen = nothing();
  const ids = new UnissuedIds("A", []);
  for (let i = 0; i < UNISSUED_SPANS_MAX; i++) expect(ids.add(10 * i, 10 * i + 2, seen)).toHaveLength(1);
  const all = 3 * UNISSUED_SPANS_MAX;
  expect(ids.add(10 * UNISSUED_SPANS_MAX, 10 * UNISSUED_SPANS_MAX, seen)).toEqual([]);
  expect(ids.countBetween(-1, Number.MAX_SAFE_INTEGER)).toBe(all);
  expect(ids.add(3, 5, seen)).toEqual([{ lo: 3, hi: 5 }]);
  expect(ids.see(12 + 10)).toBe(1);
  expect(ids.see(31)).toBe(2);
  expect(ids.countBetween(-1, Number.MAX_SAFE_INTEGER)).toBe(all);
});

describe("in the certificate", () => {
  const settings = { windows: [{ size_us: MINUTE, every_us: MINUTE }], lateness_us: MINUTE, max_skew_us: MINUTE };

  /** Plays trades ([id, time after BASE]) and proofs ([first, "to", last]), `every` of them per commit. */
  function played(moves: ([number, number] | [number, "to", number])[], every = 1) {
    const state = new MemoryState();
    const job = new WindowJob(settings, state);
    const commit = () => {
      state.store(job.take());
      job.committed();
    };
    for (const [offset, move] of moves.entries()) {
      const at: Position = { partition: 0, offset, appended_us: BASE + 3600e6 };
      const price = { price_mantissa: 1, price_scale: 0, size_mantissa: 1, size_scale: 0, side: "buy" as const };
      if (move[1] === "to") job.unissued({ product_id: "A", first_trade_id: move[0], last_trade_id: move[2]! }, at);
      else job.tick({ product_id: "A", trade_id: move[0], time_us: BASE + move[1], ...price }, at);
      if (offset % every === every - 1) commit();
    }
    commit();
    const row = (start: number) => {
      const { missing, unissued } = state.windows.get(`A ${MINUTE} ${BASE + start}`)!;
      return [missing, unissued];
    };
    const revisions = (start: number) =>
      (state.revisions.get(`A ${MINUTE} ${BASE + start}`) ?? []).map((one) => [
        one.caused_by_trade_id,
        one.missing,
        one.unissued,
        one.trade_count,
      ]);
    return { row, revisions, late: state.late.length };
  }

  test("a proof before the close is in the final row; one after it leaves that alone and makes a revision", () => {
    const before = played([
      [1, 0],
      [5, 1],
      [2, "to", 3],
      [6, 3 * MINUTE],
    ]);
    expect([before.row(0), before.revisions(0)]).toEqual([[3, 2], []]);
    const after = played([
      [1, 0],
      [5, 1],
      [6, 3 * MINUTE],
      [2, "to", 3],
      [2, "to", 4],
      [2, "to", 4],
    ]);
    expect(after.row(0)).toEqual([3, 0]);
    expect(after.revisions(0)).toEqual([
      [2, 3, 2, 2],
      [4, 3, 3, 2],
    ]);
    expect(after.late).toBe(0);
  });

  test("a span over the ends of windows revises each of them, with the first id that it proves there", () => {
    for (const every of [1, 100]) {
      const { row, revisions } = played(
        [
          [1, 0],
          [4, 1],
          [8, MINUTE],
          [11, 2 * MINUTE],
          [12, 9 * MINUTE],
          [2, "to", 3],
          [5, "to", 7],
          [9, "to", 10],
        ],
        every,
      );
      expect([0, 1, 2].map((minute) => row(minute * MINUTE))).toEqual([
        [2, 0],
        [3, 0],
        [2, 0],
      ]);
      expect([0, 1, 2].map((minute) => revisions(minute * MINUTE))).toEqual([
        [[2, 2, 2, 2]],
        [[5, 3, 3, 1]],
        [[9, 2, 2, 1]],
      ]);
    }
    const wide = played([
      [1, 0],
      [20, MINUTE],
      [30, 9 * MINUTE],
      [10, "to", 25],
    ]);
    expect(wide.revisions(MINUTE)).toEqual([[10, 18, 10, 1]]);
    expect(wide.row(9 * MINUTE)).toEqual([9, 5]);
  });

  test("an id that was seen, before its proof or after it, is not counted; a late one revises", () => {
    const seen = played([
      [1, 0],
      [3, 1],
      [5, 2],
      [2, "to", 4],
      [6, 3 * MINUTE],
    ]);
    expect(seen.row(0)).toEqual([2, 2]);
    const late = played([
      [1, 0],
      [5, 2],
      [2, "to", 4],
      [6, 3 * MINUTE],
      [3, 3],
    ]);
    expect([late.row(0), late.revisions(0)]).toEqual([[3, 3], [[3, 2, 2, 3]]]);
  });
});
