/** Random streams against the naive oracle; TIDEMARK_CASES sets how many. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseRecord } from "../../scripts/message/parse.ts";
import type { JobSettings } from "../../scripts/window/state.ts";
import { recordedLines } from "../support/data.ts";
import { MemoryState } from "../support/memory-state.ts";
import { type Expected, type Logged, oracle } from "../support/oracle.ts";
import { play, proofs, SECOND, type Step, settings, stream } from "../support/streams.ts";

const CASES = Number(process.env.TIDEMARK_CASES ?? 300);

/** Plays the steps over a state in memory. */
function played(steps: Step[], how: JobSettings): { state: MemoryState; counts: Expected["counts"] } {
  const state = new MemoryState();
  return { state, counts: play(steps, how, state) };
}

/** What is stored, with the oracle's columns. */
function stored({ state, counts }: ReturnType<typeof played>, expected: Expected): Expected {
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
  const property = fc.property(fc.oneof(stream, proofs), settings, (steps, how) => {
    const log = steps
      .map((step, offset) => ({ ...step, offset }))
      .filter((step): step is Logged => ["tick", "heartbeat", "unissued", "flush"].includes(step.kind));
    const expected = oracle(log, how);
    expected.late.sort(byOffset);
    expect(stored(played(steps, how), expected)).toEqual(expected);
  });
  fc.assert(property, { numRuns: CASES });
}, 600_000);

/** All rows that a commit stores. */
const rows = ({ state, counts }: ReturnType<typeof played>) =>
  JSON.stringify([[...state.windows].sort(), [...state.revisions].sort(), state.late, counts]);

test("where the commits, restarts and crashes fall changes no stored row", () => {
  const property = fc.property(fc.oneof(stream, proofs), settings, (steps, how) => {
    const moves = steps.filter(({ kind }) => ["tick", "heartbeat", "unissued"].includes(kind));
    const often = (kind: "commit" | "restart" | "crash", every: number) =>
      moves.flatMap((move, i): Step[] => (i % every === every - 1 ? [move, { kind }] : [move]));
    // Offsets are indexes of the list, which the added steps shift: they are left out.
    const same = (list: Step[]) => rows(played(list, how)).replace(/"(log|closed|opened)_offset":\w+/g, "");
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
  const plain = (steps: Step[]) => rows(played(steps, how)).replace(/"(log|closed|opened)_offset":\w+/g, "");
  const expected = plain(at(-1, "commit"));
  expect(moves.length).toBe(1_000);
  expect(JSON.parse(rows(played(moves, how)))[3]).toMatchObject({ ticks: 980, duplicates: 20, late: 1 });
  for (let n = 0; n < moves.length; n++) if (plain(at(n, "crash")) !== expected) throw new Error(`after tick ${n}`);
}, 120_000);
