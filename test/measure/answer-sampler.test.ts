/** Samples of the answer: what they say after any sequence of ticks, commits, saves and restarts. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { SAMPLED_PRODUCTS_MAX } from "../../scripts/base/limits.ts";
import type { AnswerSample } from "../../scripts/contract/measures.ts";
import { AnswerSampler, type SampledProduct, thinnedStepUs } from "../../scripts/measure/answer-sampler.ts";

const SECOND = 1_000_000;
const START = 1_700_000_000 * SECOND;
const CASES = Number(process.env.TIDEMARK_CASES ?? 300);

interface Tick {
  product_id: string;
  time_us: number;
  received_us: number;
}
type Move =
  | { kind: "commit"; after_us: number; ticks: { product_id: string; time_us: number; waited_us: number }[] }
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
      arbitrary: fc.record({ kind: fc.constant("commit" as const), after_us, ticks: fc.array(tick, { maxLength: 6 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("save" as const), after_us }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const), after_us }) },
  ),
  { maxLength: 40 },
);

/** The definitions, applied to everything that ever happened, step by step. */
class Model {
  readonly commits: { at_us: number; ticks: Tick[] }[] = [];
  /** By step: the times in which it may be revised, from when it was filled or a restart read it. */
  readonly opened = new Map<number, { from_us: number; to_us: number }[]>();
  /** Steps of a product without a row at a restart, before its newest row: nobody knows its answer then. */
  readonly unknown = new Set<string>();
  #next_us = START;

  fill(now_us: number): void {
    for (; this.#next_us < now_us; this.#next_us += SECOND)
      if (this.#next_us >= now_us - 300 * SECOND) this.#open(this.#next_us, now_us);
  }

  /** A restart at `now_us`: the steps of five minutes are open again. */
  restart(now_us: number): void {
    this.fill(now_us);
    for (const times of this.opened.values()) for (const time of times) time.to_us = Math.min(time.to_us, now_us);
    const first_us = Math.ceil(now_us / SECOND) * SECOND - 300 * SECOND;
    for (let at_us = first_us; at_us < now_us; at_us += SECOND) this.#open(at_us, now_us);
  }

  #open(at_us: number, from_us: number): void {
    this.opened.set(at_us, [...(this.opened.get(at_us) ?? []), { from_us, to_us: from_us + 60 * SECOND }]);
  }

  sample(product_id: string, at_us: number): AnswerSample | null {
    if (this.unknown.has(`${product_id} ${at_us}`)) return null;
    const ticksOf = (commits: typeof this.commits) =>
      commits.flatMap(({ ticks }) => ticks).filter((t) => t.product_id === product_id);
    const answered = ticksOf(this.commits.filter((commit) => commit.at_us <= at_us));
    const isOpen = (c_us: number) =>
      this.opened.get(at_us)!.some(({ from_us, to_us }) => from_us <= c_us && c_us < to_us);
    const waiting = ticksOf(this.commits.filter((commit) => commit.at_us > at_us && isOpen(commit.at_us))).filter(
      ({ received_us }) => received_us <= at_us,
    );
    const newest = (ticks: Tick[]) => (ticks.length === 0 ? null : Math.max(...ticks.map(({ time_us }) => time_us)));
    const received_us = newest([...answered, ...waiting]);
    if (received_us === null) return null;
    return { at_us, product_id, answer_us: newest(answered), received_us, waiting_us: waiting[0]?.received_us ?? null };
  }
}

/** A store that has only what was saved, and the sampler of the process that runs. */
class Play {
  readonly model = new Model();
  readonly rows = new Map<string, AnswerSample>();
  sampler = new AnswerSampler(START);
  now_us = START;
  readonly answers = new Map<string, number>();

  move(move: Move): void {
    this.now_us += move.after_us;
    if (move.kind === "commit") this.#commit(move.ticks);
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

  #commit(ticks: { product_id: string; time_us: number; waited_us: number }[]): void {
    const read = ticks.map(({ product_id, time_us, waited_us }) => ({
      ...{ product_id, time_us },
      received_us: this.now_us - waited_us,
    }));
    for (const t of read) this.sampler.add(t.product_id, t.time_us, t.received_us);
    this.sampler.commit(this.now_us, new Map());
    this.model.fill(this.now_us);
    this.model.commits.push({ at_us: this.now_us, ticks: read });
    for (const { product_id, time_us } of read)
      this.answers.set(product_id, Math.max(time_us, this.answers.get(product_id) ?? 0));
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
    this.model.restart(this.now_us);
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
}, 60_000);

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
  sampler.add("A", 100, START + 0.5 * SECOND);
  sampler.commit(START + 0.6 * SECOND, new Map());
  sampler.advance(START + 2.1 * SECOND);
  expect(rowsOf(sampler)).toEqual([
    [1, 100, 100, null],
    [2, 100, 100, null],
  ]);
  sampler.add("A", 200, START + 1.5 * SECOND);
  sampler.commit(START + 4 * SECOND, new Map());
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
  sampler.add("A", 100, START + 0.5 * SECOND);
  sampler.add("A", 9_999, START + 0.5 * SECOND);
  sampler.commit(START + 1.5 * SECOND, new Map([["A", 100]]));
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
  sampler.add("A", 7, START + 8.5 * SECOND);
  sampler.commit(START + 10.4 * SECOND, new Map());
  expect(rowsOf(sampler).slice(3)).toEqual([
    [8, 5, 5, null],
    [9, 5, 7, 8.5],
    [10, 5, 7, 8.5],
  ]);
});

test("ticks of a commit that failed are forgotten; a receipt that can't be true makes nothing wait", () => {
  const sampler = new AnswerSampler(START);
  sampler.add("A", 100, START);
  sampler.clear();
  for (const received_us of [Number.NaN, 0, START + 3_600 * SECOND]) sampler.add("A", 5, received_us);
  sampler.commit(START + 2.5 * SECOND, new Map());
  sampler.advance(START + 3.5 * SECOND);
  expect(rowsOf(sampler)).toEqual([[3, 5, 5, null]]);
});

test("after the clock was set back the samples continue from its time", () => {
  const sampler = new AnswerSampler(START);
  sampler.add("A", 1, START);
  sampler.commit(START + 0.5 * SECOND, new Map());
  sampler.advance(START + 100.5 * SECOND);
  sampler.advance(START + 50.5 * SECOND);
  expect(rowsOf(sampler).at(-1)![0]).toBe(50);
  sampler.add("A", 2, START + 50.6 * SECOND);
  sampler.commit(START + 51.5 * SECOND, new Map());
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
  for (let n = 0; n < SAMPLED_PRODUCTS_MAX + 20; n++) sampler.add(`P${n}`, n, START + 1);
  sampler.commit(START + 0.5 * SECOND, new Map());
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
