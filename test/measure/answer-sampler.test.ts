/** Samples of the answer: what they say after any sequence of ticks, commits, saves and restarts. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { SAMPLED_PRODUCTS_MAX } from "../../scripts/base/limits.ts";
import type { AnswerSample, SampledProduct } from "../../scripts/contract/measures.ts";
import { AnswerSampler, thinnedStepUs, thinnedUntil } from "../../scripts/measure/answer-sampler.ts";
import { SamplerModel, type Tick } from "../support/sampler-model.ts";

const SECOND = 1_000_000;
const START = 1_700_000_000 * SECOND;
const CASES = Number(process.env.TIDEMARK_CASES ?? 300);

type Move =
  | {
      kind: "commit";
      after_us: number;
      ticks: { product_id: string; time_us: number; waited_us: number }[];
      /** Whether the rows show the newest event times. */
      hasRows: boolean;
    }
  | { kind: "save" | "restart"; after_us: number };

const after_us = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 3 * SECOND }) },
  { weight: 2, arbitrary: fc.constantFrom(SECOND, 2 * SECOND, 70 * SECOND) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 500 * SECOND }) },
);
const waited_us = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 3 * SECOND }) },
  { weight: 2, arbitrary: fc.constantFrom(0, SECOND, 59 * SECOND, 61 * SECOND) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 400 * SECOND }) },
);
const tick = fc.record({
  product_id: fc.constantFrom("A", "B", "C"),
  time_us: fc.integer({ min: 0, max: 1_000 }),
  waited_us,
});
const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .record({
          kind: fc.constant("commit" as const),
          after_us,
          ticks: fc.array(tick, { maxLength: 6 }),
          hasRows: fc.boolean(),
          // All of them waited as long, as in a log that is read later.
          together_us: fc.option(waited_us),
        })
        .map(({ together_us, ticks, ...move }) => ({
          ...move,
          ticks: ticks.map((t) => ({ ...t, waited_us: together_us ?? t.waited_us })),
        })),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("save" as const), after_us }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const), after_us }) },
  ),
  { maxLength: 40 },
);

/**
 * Commits ticks. `rows`: what the rows of windows show, the newest event time of each product;
 * without it only the ticks show it. `marks`: high marks of products with skewed ticks.
 */
function commit(
  sampler: AnswerSampler,
  at_us: number,
  ticks: Tick[],
  { rows, marks = {} }: { rows?: ReadonlyMap<string, number>; marks?: Record<string, number> } = {},
): void {
  const products = [...new Set(ticks.map(({ product_id }) => product_id))].map((product_id) => ({
    product_id,
    newest_us: rows?.get(product_id) ?? null,
    mark_us: marks[product_id] ?? Number.POSITIVE_INFINITY,
  }));
  const receipts = ticks.map(({ received_us }) => received_us).filter((us) => !Number.isNaN(us));
  sampler.commit(at_us, products, { min_us: Math.min(...receipts), max_us: Math.max(...receipts) }, () => ticks);
}

/** A store that has only what was saved, and the sampler of the process that runs. */
class Play {
  readonly model = new SamplerModel(START);
  readonly rows = new Map<string, AnswerSample>();
  sampler = new AnswerSampler(START);
  now_us = START;
  readonly answers = new Map<string, number>();

  move(move: Move): void {
    this.now_us += move.after_us;
    if (move.kind === "commit") this.#commit(move.ticks, move.hasRows);
    else {
      if (move.kind === "restart") this.#restart();
      this.save();
    }
  }

  save(): void {
    this.sampler.advance(this.now_us);
    this.model.fill(this.now_us);
    const samples = this.sampler.unstored();
    for (const sample of samples) this.rows.set(`${sample.product_id} ${sample.at_us}`, { ...sample });
    this.sampler.stored(samples);
  }

  #commit(ticks: { product_id: string; time_us: number; waited_us: number }[], hasRows: boolean): void {
    const read = ticks.map(({ product_id, time_us, waited_us }) => ({
      ...{ product_id, time_us },
      received_us: this.now_us - waited_us,
    }));
    this.model.fill(this.now_us);
    this.model.commits.push({ at_us: this.now_us, ticks: read });
    for (const { product_id, time_us } of read)
      this.answers.set(product_id, Math.max(time_us, this.answers.get(product_id) ?? 0));
    commit(this.sampler, this.now_us, read, hasRows ? { rows: this.answers } : {});
    // A process that is killed has saved a moment before: what it had not is another test.
    this.save();
  }

  #restart(): void {
    const rows = [...this.rows.values()];
    const products = [...this.answers].map(([product_id, answer_us]): SampledProduct => {
      const sampled = rows.filter((row) => row.product_id === product_id).map(({ at_us }) => at_us);
      const sampled_us = sampled.length === 0 ? null : Math.max(...sampled);
      for (let at_us = START - 300 * SECOND; at_us < (sampled_us ?? this.now_us); at_us += SECOND)
        if (!sampled.includes(at_us)) this.model.unknown.add(`${product_id} ${at_us}`);
      return { product_id, answer_us, sampled_us };
    });
    const recent = rows.filter(({ at_us }) => at_us >= this.now_us - 300 * SECOND).map((row) => ({ ...row }));
    this.sampler = new AnswerSampler(this.now_us);
    this.sampler.resume(this.now_us, products, recent);
    this.model.restart(
      this.now_us,
      rows.reduce((oldest, { at_us }) => Math.min(oldest, at_us), this.now_us),
    );
  }
}

test(`${CASES} random sequences of ticks, commits, saves and restarts: each sample is what the definitions state`, () => {
  fc.assert(
    fc.property(moves, (all) => {
      const play = new Play();
      for (const move of all) play.move(move);
      play.save();
      const { model } = play;
      const expected = [...model.opened.keys()]
        .sort((a, b) => a - b)
        .flatMap((at_us) => ["A", "B", "C"].map((product_id) => model.sample(product_id, at_us)))
        .filter((sample) => sample !== null);
      const kept = [...play.rows.values()].sort(
        (a, b) => a.at_us - b.at_us || a.product_id.localeCompare(b.product_id),
      );
      expect(kept).toEqual(expected);
    }),
    { numRuns: CASES },
  );
}, 120_000);

const a = (time_us: number, received_us: number): Tick => ({ product_id: "A", time_us, received_us });
const rowsOf = (sampler: AnswerSampler) =>
  sampler
    .unstored()
    .sort((a, b) => a.at_us - b.at_us)
    .map(({ at_us, answer_us, received_us, waiting_us }) => [
      (at_us - START) / SECOND,
      answer_us,
      received_us,
      waiting_us === null ? null : (waiting_us - START) / SECOND,
    ]);

test("a tick that waited 2.5 s shows as waiting in the seconds between its receipt and its commit", () => {
  const sampler = new AnswerSampler(START);
  commit(sampler, START + 0.6 * SECOND, [a(100, START + 0.5 * SECOND)]);
  sampler.advance(START + 2.1 * SECOND);
  expect(rowsOf(sampler)).toEqual([
    [1, 100, 100, null],
    [2, 100, 100, null],
  ]);
  commit(sampler, START + 4 * SECOND, [a(200, START + 1.5 * SECOND)]);
  sampler.advance(START + 5 * SECOND);
  expect(rowsOf(sampler)).toEqual([
    [1, 100, 100, null],
    [2, 100, 200, 1.5],
    [3, 100, 200, 1.5],
    [4, 200, 200, null],
  ]);
});

test("a tick above the high mark is skewed: it is neither in the answer nor waiting", () => {
  const sampler = new AnswerSampler(START);
  const ticks = [a(9_999, START + 0.2 * SECOND), a(100, START + 0.5 * SECOND)];
  commit(sampler, START + 1.5 * SECOND, ticks, { marks: { A: 100 } });
  sampler.advance(START + 2.5 * SECOND);
  expect(rowsOf(sampler)).toEqual([
    [1, null, 100, 0.5],
    [2, 100, 100, null],
  ]);
});

test("a process killed before it saved fills the steps that it missed with the answer of its store", () => {
  const sampler = new AnswerSampler(START + 10.3 * SECOND);
  const stored = { at_us: START + 4 * SECOND, product_id: "A", answer_us: 1, received_us: 1, waiting_us: null };
  sampler.resume(START + 10.3 * SECOND, [{ product_id: "A", answer_us: 5, sampled_us: stored.at_us }], [stored]);
  expect(rowsOf(sampler).map(([at]) => at)).toEqual([5, 6, 7, 8, 9, 10]);
  expect(rowsOf(sampler)[0]).toEqual([5, 5, 5, null]);
  // What came while it was away is waiting from its receipt on, however long ago.
  commit(sampler, START + 10.4 * SECOND, [a(7, START + 8.5 * SECOND)]);
  expect(rowsOf(sampler).slice(3)).toEqual([
    [8, 5, 5, null],
    [9, 5, 7, 8.5],
    [10, 5, 7, 8.5],
  ]);
});

test("a receipt that can't be true makes nothing wait", () => {
  const sampler = new AnswerSampler(START);
  const ticks = [Number.NaN, 0, START + 3_600 * SECOND].map((received_us) => a(5, received_us));
  commit(sampler, START + 2.5 * SECOND, ticks);
  sampler.advance(START + 3.5 * SECOND);
  expect(rowsOf(sampler)).toEqual([[3, 5, 5, null]]);
});

test("ticks are read only where a step is between their receipts and the commit, and no more than it takes", () => {
  const sampler = new AnswerSampler(START + 1);
  const read: number[] = [];
  function* ticks(first_us: number): Generator<Tick> {
    for (let i = 0; i < 5; i++) {
      read.push(i);
      yield a(i, first_us + i);
    }
  }
  const at = (at_us: number, newest_us: number, first_us: number) => {
    const grown = [{ product_id: "A", newest_us, mark_us: 1e9 }];
    sampler.commit(at_us, grown, { min_us: first_us, max_us: first_us + 4 }, () => ticks(first_us));
    return read.splice(0);
  };
  // No step yet; receipts after the newest step; before all steps; the same, with nothing left to learn.
  expect(at(START + 0.5 * SECOND, 4, START)).toEqual([]);
  expect(at(START + 2.5 * SECOND, 4, START + 2.1 * SECOND)).toEqual([]);
  expect(at(START + 2.6 * SECOND, 40, START)).toEqual([0]);
  expect(at(START + 2.7 * SECOND, 41, START)).toEqual([]);
  // Some steps are between the receipts.
  expect(at(START + 2.8 * SECOND, 42, START + 1.999999 * SECOND)).toEqual([0, 1, 2, 3, 4]);
});

test("after the clock was set back the samples continue from its time", () => {
  const sampler = new AnswerSampler(START);
  commit(sampler, START + 0.5 * SECOND, [a(1, START)]);
  sampler.advance(START + 100.5 * SECOND);
  sampler.advance(START + 50.5 * SECOND);
  expect(rowsOf(sampler).at(-1)![0]).toBe(50);
  commit(sampler, START + 51.5 * SECOND, [a(2, START + 50.6 * SECOND)]);
  sampler.advance(START + 52.5 * SECOND);
  expect(rowsOf(sampler).slice(-2)).toEqual([
    [51, 1, 2, 50.6],
    [52, 2, 2, null],
  ]);
  sampler.advance(START - 3_600.5 * SECOND);
  sampler.advance(START - 3_598.5 * SECOND);
  expect(rowsOf(sampler).map(([at]) => at)).toEqual([-3_600, -3_599]);
});

test("more products than are sampled are left out, and the others are as if alone", () => {
  const sampler = new AnswerSampler(START);
  const ticks = Array.from({ length: SAMPLED_PRODUCTS_MAX + 20 }, (_, n) => ({
    ...a(n, START + 1),
    product_id: `P${n}`,
  }));
  commit(sampler, START + 0.5 * SECOND, ticks);
  sampler.advance(START + 1.5 * SECOND);
  expect(sampler.unstored().map(({ product_id }) => product_id)).toEqual(
    Array.from({ length: SAMPLED_PRODUCTS_MAX }, (_, n) => `P${n}`),
  );
});

test("older samples are thinned to at most 720 equal steps", () => {
  expect(thinnedStepUs(START, START + 60 * SECOND)).toBe(SECOND);
  for (const hours of [0.3, 1, 24, 24 * 30]) {
    const age_us = hours * 3_600 * SECOND;
    const count = (age_us - 300 * SECOND) / thinnedStepUs(START, START + age_us);
    expect([hours, count <= 720, count > 360]).toEqual([hours, true, true]);
  }
});

test("after the feed's end its samples are not thinned any further", () => {
  const [ended_us, now_us] = [START + 300 * SECOND, START + 43_200 * SECOND];
  expect(thinnedStepUs(START, now_us)).toBe(64 * SECOND);
  expect(thinnedStepUs(START, thinnedUntil(now_us, ended_us))).toBe(SECOND);
  expect(thinnedUntil(now_us, now_us - SECOND)).toBe(now_us);
});
