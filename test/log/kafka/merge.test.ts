/** The merge of partitions has one order under any fetches: (append time, partition, offset). */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { LogBatch } from "../../../scripts/contract/log.ts";
import { holesOf } from "../../../scripts/log/kafka/holes.ts";
import { type Lane, nextRun, precedes } from "../../../scripts/log/kafka/merge.ts";

const MS = 1_000;

function batchOf(partition: number, times: number[], first: number): LogBatch {
  const { length } = times;
  return {
    partition,
    count: length,
    buffer: () => new Uint8Array(0),
    starts: new Uint32Array(length),
    ends: new Uint32Array(length),
    offsets: Float64Array.from(times, (_, i) => first + i),
    appended_us: Float64Array.from(times),
    received_us: new Float64Array(length).fill(Number.NaN),
    key: () => "",
  };
}

/** The whole log, sorted: a partition's time never steps back, and equal times go by partition. */
function naive(log: number[][]): string[] {
  const all = log.flatMap((times, partition) => {
    let at_us = 0;
    return times.map((time, offset) => {
      at_us = Math.max(at_us, time);
      return { at_us, partition, offset };
    });
  });
  all.sort((a, b) => (precedes(a, b) ? -1 : precedes(b, a) ? 1 : a.offset - b.offset));
  return all.map(({ partition, offset }) => `${partition}:${offset}`);
}

/** Valid times, equal ones, steps back, none (-1), zero, seconds instead of milliseconds. */
const time = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1_000, max: 1_020 }).map((ms) => ms * MS) },
  { weight: 1, arbitrary: fc.constantFrom(-MS, 0, 1, 1e15) },
);
const log = fc.array(fc.array(time, { maxLength: 25 }), { minLength: 1, maxLength: 5 });
/** Per fetch: its partition, its records, and how many are taken at once. */
const moves = fc.array(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 7 })), {
  minLength: 1,
  maxLength: 60,
});

/** Reads a log in pieces to its end; a reader killed after `kill` records begins at its checkpoint. */
function readMerged(parts: number[][], pieces: [number, number, number][], kill: number): string[] {
  const got: string[] = [];
  const next = parts.map(() => 0);
  const seen = parts.map(() => 0);
  let lanes = begin();
  function begin(): Lane[] {
    return parts.map((times, partition) => ({
      partition,
      seen_us: seen[partition]!,
      head: null,
      next: next[partition]!,
      end: times.length,
      noted_end: times.length,
    }));
  }
  const total = parts.reduce((sum, times) => sum + times.length, 0);
  for (let step = 0; got.length < total; step++) {
    const [partition, pieceSize, takeSize] = pieces[step % pieces.length]!;
    // Each piece of the script, then the starving partitions, so that every script ends.
    const run = nextRun(lanes, { now_ms: 0, noted_ms: 0, quiet_ms: 0, isHome: () => false });
    const hungry = run.lane === null ? run.starving : [];
    for (const one of [partition % parts.length, ...hungry]) {
      const lane = lanes[one]!;
      if (lane.head !== null || lane.next >= lane.end) continue;
      const times = parts[one]!.slice(lane.next, lane.next + pieceSize);
      lane.head = { batch: batchOf(one, times, lane.next), from: 0, came_ms: 0 };
      lane.next += times.length;
    }
    const again = nextRun(lanes, { now_ms: 0, noted_ms: 0, quiet_ms: 0, isHome: () => false });
    if (again.lane === null) continue;
    const { lane } = again;
    const head = lane.head!;
    for (let i = head.from; i < Math.min(again.to, head.from + takeSize); i++) {
      got.push(`${lane.partition}:${head.batch.offsets[i]}`);
      lane.seen_us = Math.max(lane.seen_us, head.batch.appended_us[i]!);
      seen[lane.partition] = lane.seen_us;
      next[lane.partition] = head.batch.offsets[i]! + 1;
    }
    head.from = Math.min(again.to, head.from + takeSize);
    if (head.from === head.batch.count) lane.head = null;
    if (step % kill === kill - 1) lanes = begin();
  }
  return got;
}

describe("merge", () => {
  test("any log, in any pieces, with a kill and a restart after any step, is returned in sorted order", () => {
    fc.assert(
      fc.property(log, moves, fc.integer({ min: 2, max: 50 }), (parts, pieces, kill) => {
        expect(readMerged(parts, pieces, kill)).toEqual(naive(parts));
      }),
      { numRuns: Number(process.env.TIDEMARK_CASES ?? 500) },
    );
  });

  const lane = (partition: number, times: number[], more: Partial<Lane> = {}): Lane => ({
    partition,
    seen_us: 0,
    head: times.length > 0 ? { batch: batchOf(partition, times, 0), from: 0, came_ms: 100 } : null,
    next: times.length,
    end: times.length,
    noted_end: 0,
    ...more,
  });
  const rules = { now_ms: 100, noted_ms: 50, quiet_ms: 500, isHome: () => false };

  test("a record waits for a quiet partition for its time, and no longer", () => {
    const lanes = [lane(0, [5 * MS]), lane(1, [])];
    expect(nextRun(lanes, rules)).toEqual({ lane: null, starving: [], wait_ms: 500 });
    expect(nextRun(lanes, { ...rules, now_ms: 599 })).toMatchObject({ lane: null, wait_ms: 1 });
    expect(nextRun(lanes, { ...rules, now_ms: 600 })).toMatchObject({ to: 1 });
  });

  test("it doesn't wait if nothing earlier can come, if its product has one partition, or if it was visible when all ends were requested", () => {
    const past = [lane(0, [5 * MS]), lane(1, [], { seen_us: 6 * MS })];
    expect(nextRun(past, rules)).toMatchObject({ to: 1 });
    const quiet = [lane(0, [5 * MS], { noted_end: 1 }), lane(1, [])];
    expect(nextRun(quiet, { ...rules, isHome: () => true })).toMatchObject({ to: 1 });
    expect(nextRun(quiet, { ...rules, now_ms: 549 })).toMatchObject({ lane: null, wait_ms: 1 });
    expect(nextRun(quiet, { ...rules, now_ms: 550 })).toMatchObject({ to: 1 });
  });

  test("a partition with records still to be fetched is named, and nothing overtakes it", () => {
    const lanes = [lane(0, [5 * MS]), lane(1, [], { end: 3 }), lane(2, [9 * MS])];
    expect(nextRun(lanes, { ...rules, isHome: () => true })).toEqual({ lane: null, starving: [1], wait_ms: null });
  });
});

describe("holes", () => {
  test("offsets of markers and aborted records are not holes; all others are, before the record that follows", () => {
    expect(holesOf([4, 5, 6], [4, 5, 6], 4)).toEqual([]);
    expect(holesOf([4, 7, 8], [4, 7, 8], 2)).toEqual([
      { at: 0, lost: 2 },
      { at: 1, lost: 2 },
    ]);
    // 5 was aborted, 6 is its marker, 7 and 8 are lost.
    expect(holesOf([4, 9], [4, 5, 6, 9], 4)).toEqual([{ at: 1, lost: 2 }]);
    // A compressed batch also brings records before the first one that was asked for.
    expect(holesOf([5], [3, 5], 4)).toEqual([{ at: 0, lost: 1 }]);
    expect(holesOf([], [4], 4)).toEqual([]);
  });

  test("lost and kept offsets add up to all offsets, for any log", () => {
    const kinds = fc.array(fc.constantFrom("record", "marker", "lost"), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(kinds, fc.nat(1_000), (kinds, first) => {
        // What follows the last record is known only with the next one.
        const known = kinds.slice(0, kinds.lastIndexOf("record") + 1);
        const at = (kind: string) => known.flatMap((one, i) => (one === kind ? [first + i] : []));
        const all = known.flatMap((one, i) => (one === "lost" ? [] : [first + i]));
        const lost = holesOf(at("record"), all, first).reduce((sum, hole) => sum + hole.lost, 0);
        expect(lost).toBe(at("lost").length);
      }),
    );
  });
});
