/**
 * Random streams against the naive oracle (faults.md 4.1): fast-check prints a failing seed and shrinks it. TIDEMARK_CASES sets how many
 * (10000 in the long run).
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { WindowSpec } from "../../scripts/common/window.ts";
import { parseRecord } from "../../scripts/tick/parse.ts";
import { WindowJob } from "../../scripts/window/job.ts";
import type { JobSettings } from "../../scripts/window/state.ts";
import { MemoryState } from "../support/memory-state.ts";
import { type Expected, type Logged, type Move, oracle } from "../support/oracle.ts";
import { recordedLines } from "../support/project.ts";

const SECOND = 1_000_000;
const CASES = Number(process.env.TIDEMARK_CASES ?? 300);

/** What comes, and what is done to the job meanwhile. */
type Step = Move | { kind: "commit" | "restart" | "reset" | "crash" | "failed-commit" };

const product_id = fc.constantFrom("BTC-USD", "ETH-USD", "Å-USD");
/** Whole seconds often, so that boundaries and equal times are common; now and then a microsecond beside one, before 1970, or far ahead. */
const time_us = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -5, max: 60 }).map((s) => s * SECOND) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 12 }).map((s) => s * 5 * SECOND - 1) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 60 * SECOND }) },
  { weight: 1, arbitrary: fc.constantFrom(85 * SECOND, 100_000 * SECOND) },
);
const appended_us = fc.constantFrom(60 * SECOND, 60 * SECOND, 40 * SECOND);
const price = fc.constantFrom([2574102, 2], [1, 10], [9_007_199_254, 2], [99_999_999, 0], [5, 0], [812, 8]);
const size = fc.constantFrom([371005, 8], [1, 8], [9_999_999_999, 0], [25, 1]);
const trade_id = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 60 }) },
  { weight: 2, arbitrary: fc.integer({ min: 4_090, max: 4_100 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 2 ** 40, Number.MAX_SAFE_INTEGER) },
);
const tick = fc
  .record({ product_id, trade_id, time_us, price, size, side: fc.constantFrom("buy" as const, "sell" as const) })
  .map(({ price: [p, ps], size: [s, ss], ...rest }) => {
    return { ...rest, price_mantissa: p!, price_scale: ps!, size_mantissa: s!, size_scale: ss! };
  });
const stream = fc.array(
  fc.oneof(
    { weight: 30, arbitrary: fc.record({ kind: fc.constant("tick" as const), tick, appended_us }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("heartbeat" as const), product_id, time_us, appended_us }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("commit" as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constantFrom("restart" as const, "reset" as const, "crash" as const, "failed-commit" as const),
      }),
    },
  ),
  { maxLength: 120 },
) as fc.Arbitrary<Step[]>;

const seconds = (size: number, every: number) => ({ size_us: size * SECOND, every_us: every * SECOND });
const windows = fc.constantFrom<WindowSpec[]>(
  [seconds(10, 10)],
  [seconds(10, 5)],
  [seconds(10, 10), seconds(60, 60)],
  [seconds(7, 7), seconds(10, 3), seconds(1, 1)],
);
const settings: fc.Arbitrary<JobSettings> = fc.record({
  windows,
  lateness_us: fc.integer({ min: 0, max: 15 }).map((s) => s * SECOND),
  max_skew_us: fc.constantFrom(0, 20 * SECOND, 120 * SECOND),
});

/** Plays the steps as the stream stage does: what was not committed when it crashed is read again. */
function play(steps: Step[], how: JobSettings): { state: MemoryState; counts: Expected["counts"] } {
  const state = new MemoryState();
  const counts = { ticks: 0, duplicates: 0, late: 0, skewed: 0 };
  const done = new Set<number>();
  let job = new WindowJob(how, state);
  let committed = 0;
  const commit = (next: number) => {
    const step = job.take();
    state.store(step);
    job.committed();
    for (const name of ["ticks", "duplicates", "late", "skewed"] as const) counts[name] += step.counts[name];
    committed = next;
  };
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    const again = done.has(i);
    done.add(i);
    if (step.kind === "tick") job.tick(step.tick, { partition: 0, offset: i, appended_us: step.appended_us });
    else if (step.kind === "heartbeat")
      job.heartbeat(step.product_id, step.time_us, { partition: 0, offset: i, appended_us: step.appended_us });
    else if (step.kind === "crash" || step.kind === "failed-commit") {
      if (again) continue;
      if (step.kind === "failed-commit") job.take();
      if (step.kind === "failed-commit") job.reset();
      else job = new WindowJob(how, state);
      i = committed - 1;
    } else {
      commit(i + 1);
      if (step.kind === "restart") job = new WindowJob(how, state);
      if (step.kind !== "commit") job.reset();
      if (step.kind !== "flush") continue;
      job.flush(state.productIds());
      commit(i + 1);
    }
  }
  commit(steps.length);
  return { state, counts };
}

/** What is stored, with the oracle's columns. */
function stored({ state, counts }: ReturnType<typeof play>, expected: Expected): Expected {
  const like = (row: object, model: object) =>
    Object.fromEntries(Object.keys(model).map((name) => [name, (row as Record<string, unknown>)[name]]));
  const [window] = Object.values(expected.windows);
  const revision = Object.values(expected.revisions)[0]?.[0] ?? {};
  const late = expected.late[0] ?? {};
  return {
    windows: Object.fromEntries([...state.windows].map(([key, row]) => [key, like(row, window ?? {})])),
    revisions: Object.fromEntries([...state.revisions].map(([key, rows]) => [key, rows.map((r) => like(r, revision))])),
    late: state.late.map((row) => like(row, late)).sort(byOffset),
    counts,
  };
}

function byOffset(a: object, b: object): number {
  const of = (row: object) => Object.values(row).join(" ");
  return of(a) < of(b) ? -1 : 1;
}

test(`${CASES} random streams: windows, certificates, late ticks, revisions and counts are the naive oracle's`, () => {
  const property = fc.property(stream, settings, (steps, how) => {
    const log = steps
      .map((step, offset) => ({ ...step, offset }))
      .filter((step): step is Logged => ["tick", "heartbeat", "flush"].includes(step.kind));
    const expected = oracle(log, how);
    expected.late.sort(byOffset);
    expect(stored(play(steps, how), expected)).toEqual(expected);
  });
  fc.assert(property, { numRuns: CASES });
}, 600_000);

/** All rows that a commit stores. */
const rows = ({ state, counts }: ReturnType<typeof play>) =>
  JSON.stringify([[...state.windows].sort(), [...state.revisions].sort(), state.late, counts]);

test("where the commits, restarts and crashes fall changes no stored row", () => {
  const property = fc.property(stream, settings, (steps, how) => {
    const moves = steps.filter((step) => step.kind === "tick" || step.kind === "heartbeat");
    const often = (kind: "commit" | "restart" | "crash", every: number) =>
      moves.flatMap((move, i): Step[] => (i % every === every - 1 ? [move, { kind }] : [move]));
    // Offsets are places in the list: they are the moves' own, so that they don't differ.
    const same = (list: Step[]) => rows(play(list, how)).replace(/"(log|closed)_offset":\w+/g, "");
    const once = same(moves);
    expect(same(often("commit", 1))).toBe(once);
    expect(same(often("commit", 7))).toBe(once);
    expect(same(often("restart", 3))).toBe(once);
    expect(same(often("crash", 5))).toBe(once);
  });
  fc.assert(property, { numRuns: CASES });
}, 600_000);

test("a crash after each single tick of a thousand: the same rows", () => {
  const minute = 60 * SECOND;
  const how = { windows: [{ size_us: minute, every_us: minute }], lateness_us: minute, max_skew_us: minute };
  const lines = recordedLines().slice(0, 970);
  const late = lines[10]!.replace('"trade_id":11,', '"trade_id":900011,');
  const moves = [...lines, ...lines.slice(300, 320), late, ...recordedLines().slice(970, 979)].map((line): Step => {
    const parsed = parseRecord(new TextEncoder().encode(line));
    if (parsed.kind !== "tick") throw new Error(line);
    return { kind: "tick", tick: parsed.tick, appended_us: 2 ** 52 };
  });
  const at = (n: number, kind: "commit" | "crash"): Step[] =>
    moves.flatMap((move, i): Step[] => {
      const commit: Step[] = i % 50 === 49 ? [{ kind: "commit" }] : [];
      return i === n ? [move, { kind }, ...commit] : [move, ...commit];
    });
  const plain = (steps: Step[]) => rows(play(steps, how)).replace(/"(log|closed)_offset":\w+/g, "");
  const expected = plain(at(-1, "commit"));
  expect(moves.length).toBe(1_000);
  expect(JSON.parse(rows(play(moves, how)))[3]).toMatchObject({ ticks: 980, duplicates: 20, late: 1 });
  for (let n = 0; n < moves.length; n++) if (plain(at(n, "crash")) !== expected) throw new Error(`after tick ${n}`);
}, 60_000);
