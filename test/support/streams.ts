/** Random streams for the window job, with commits, restarts and crashes, and how they are played. */
import fc from "fast-check";
import type { Mantissa } from "../../scripts/contract/tick.ts";
import type { WindowSpec } from "../../scripts/contract/window.ts";
import { WindowJob } from "../../scripts/window/job.ts";
import type { JobSettings, StateSource, StepResult } from "../../scripts/window/state.ts";
import type { Expected, Move } from "./oracle.ts";

export const SECOND = 1_000_000;

/** A record, or what is done to the job between records. */
export type Step = Move | { kind: "commit" | "restart" | "reset" | "crash" | "failed-commit" };

const product_id = fc.constantFrom("BTC-USD", "ETH-USD", "Å-USD");
/** Append times before 2016 are invalid: the streams begin at a full minute of 2023. */
const BASE = 1_693_929_600 * SECOND;
/** Mostly whole seconds, for boundaries and equal times; also 1 µs less, before 1970, or far ahead. */
const time_us = fc
  .oneof(
    { weight: 6, arbitrary: fc.integer({ min: -5, max: 60 }).map((s) => s * SECOND) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 12 }).map((s) => s * 5 * SECOND - 1) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 60 * SECOND }) },
    { weight: 1, arbitrary: fc.constantFrom(85 * SECOND, 100_000 * SECOND, 10_000_000 * SECOND, -5 * SECOND - BASE) },
  )
  .map((us) => BASE + us);
const appended_us = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(60 * SECOND, 60 * SECOND, 40 * SECOND).map((us) => BASE + us) },
  { weight: 1, arbitrary: fc.constantFrom(-1_000, 0, BASE / 1_000, BASE - 40 * 86_400 * SECOND) },
);
type Decimal = [mantissa: Mantissa, scale: number];
const price = fc.constantFrom<Decimal[]>(
  [2574102, 2],
  [1, 10],
  [9_007_199_254, 2],
  [99_999_999, 0],
  [5, 0],
  [812, 8],
  [99_999_999_999_999_999_999n, 10],
);
const size = fc.constantFrom<Decimal[]>(
  [371005, 8],
  [1, 8],
  [9_999_999_999, 0],
  [25, 1],
  [0, 0],
  [99_999_999_999_999_999_999n, 8],
);
const trade_id = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 60 }) },
  { weight: 2, arbitrary: fc.integer({ min: 4_090, max: 4_100 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 2 ** 40, Number.MAX_SAFE_INTEGER) },
);
const tick = fc
  .record({ product_id, trade_id, time_us, price, size, side: fc.constantFrom("buy" as const, "sell" as const) })
  .map(({ price: [p, ps], size: [s, ss], ...rest }) => {
    return { ...rest, price_mantissa: p, price_scale: ps, size_mantissa: s, size_scale: ss };
  });
/** Mostly of ids that also come as ticks: before, after, within or without them. */
const proof = fc
  .record({ product_id, first_trade_id: trade_id, ids: fc.integer({ min: 1, max: 9 }), appended_us })
  .map(({ ids, ...rest }) => {
    const last_trade_id = Math.min(rest.first_trade_id + ids - 1, Number.MAX_SAFE_INTEGER);
    return { kind: "unissued" as const, ...rest, last_trade_id };
  });
export const stream = fc.array(
  fc.oneof(
    { weight: 30, arbitrary: fc.record({ kind: fc.constant("tick" as const), tick, appended_us }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("heartbeat" as const), product_id, time_us, appended_us }) },
    { weight: 4, arbitrary: proof },
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

/** Trades of one product whose ids rise with time, nearly, and many proofs of ids between them. */
const rising = fc
  .record({ s: fc.integer({ min: 0, max: 60 }), ahead: fc.nat(5), late_s: fc.constantFrom(0, 0, 0, 1, 20, 40) })
  .map(({ s, ahead, late_s }): Step => {
    const [p, q] = [
      { price_mantissa: s + 1, price_scale: 0 },
      { size_mantissa: 1, size_scale: 0 },
    ];
    const tick = { product_id: "BTC-USD", trade_id: 2 * s + ahead, time_us: BASE + (s - late_s) * SECOND, ...p, ...q };
    return { kind: "tick", tick: { ...tick, side: "buy" }, appended_us: BASE + 3_600 * SECOND };
  });
const between = fc
  .record({ first_trade_id: fc.nat(125), ids: fc.constantFrom(1, 2, 3, 7, 30) })
  .map(({ first_trade_id, ids }): Step => {
    const last_trade_id = first_trade_id + ids - 1;
    const at = { product_id: "BTC-USD", appended_us: BASE + 3_600 * SECOND };
    return { kind: "unissued", ...at, first_trade_id, last_trade_id };
  });
const order = (step: Step) => (step.kind === "tick" ? step.tick.time_us : 0);
/** `forward`: the trades come in the order of time, so that windows close one after another. */
export const proofs: fc.Arbitrary<Step[]> = fc
  .record({ ticks: fc.array(rising, { minLength: 8, maxLength: 40, size: "max" }), forward: fc.boolean() })
  .map(({ ticks, forward }) => (forward ? ticks.toSorted((a, b) => order(a) - order(b)) : ticks))
  .chain((ticks) => {
    const other = fc.oneof(
      { weight: 5, arbitrary: between },
      {
        weight: 2,
        arbitrary: fc.constantFrom("commit", "restart", "reset", "crash", "flush").map((kind) => ({ kind }) as Step),
      },
    );
    const places = fc.array(fc.record({ at: fc.nat(ticks.length), step: other }), { maxLength: 25, size: "max" });
    return places.map((all) =>
      ticks.flatMap((tick, i) => [tick, ...all.flatMap(({ at, step }) => (at === i ? [step] : []))]),
    );
  });

const seconds = (size: number, every: number) => ({ size_us: size * SECOND, every_us: every * SECOND });
const windows = fc.constantFrom<WindowSpec[]>(
  [seconds(10, 10)],
  [seconds(10, 5)],
  [seconds(10, 10), seconds(60, 60)],
  [seconds(7, 7), seconds(10, 3), seconds(1, 1)],
);
export const settings: fc.Arbitrary<JobSettings> = fc.record({
  windows,
  lateness_us: fc.integer({ min: 0, max: 15 }).map((s) => s * SECOND),
  max_skew_us: fc.constantFrom(0, 20 * SECOND, 120 * SECOND),
});

/** Where commits go, and what a new process finds. */
export interface Committed extends StateSource {
  /** `next`: the position after the step. */
  store(step: StepResult, next: number): void;
  productIds(): string[];
  /** Another process, over the same file. */
  reopen(): void;
}

/** Plays the steps as the stream stage does: what was not committed when it crashed is read again. */
export function play(steps: Step[], how: JobSettings, state: Committed): Expected["counts"] {
  const counts = { ticks: 0, duplicates: 0, late: 0, skewed: 0 };
  const done = new Set<number>();
  let job = new WindowJob(how, state);
  let committed = 0;
  const commit = (next: number) => {
    const step = job.take();
    state.store(step, next);
    job.committed();
    for (const name of ["ticks", "duplicates", "late", "skewed"] as const) counts[name] += step.counts[name];
    committed = next;
  };
  const renew = () => {
    state.reopen();
    job = new WindowJob(how, state);
  };
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    const again = done.has(i);
    done.add(i);
    if (step.kind === "tick") job.tick(step.tick, { partition: 0, offset: i, appended_us: step.appended_us });
    else if (step.kind === "heartbeat")
      job.heartbeat(step.product_id, step.time_us, { partition: 0, offset: i, appended_us: step.appended_us });
    else if (step.kind === "unissued") job.unissued(step, { partition: 0, offset: i, appended_us: step.appended_us });
    else if (step.kind === "crash" || step.kind === "failed-commit") {
      if (again) continue;
      if (step.kind === "failed-commit") job.take();
      if (step.kind === "failed-commit") job.reset();
      else renew();
      i = committed - 1;
    } else {
      commit(i + 1);
      if (step.kind === "restart") renew();
      if (step.kind !== "commit") job.reset();
      if (step.kind !== "flush") continue;
      job.flush(state.productIds());
      commit(i + 1);
    }
  }
  commit(steps.length);
  return counts;
}
