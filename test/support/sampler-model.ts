/** Samples of the answer straight from their definitions, over all that ever happened. */
import type { AnswerSample } from "../../scripts/contract/measures.ts";

const SECOND = 1_000_000;

/** Times in microseconds. */
export interface Tick {
  product_id: string;
  time_us: number;
  received_us: number;
}

/** The definitions, applied to everything that ever happened, step by step. */
export class SamplerModel {
  readonly commits: { at_us: number; ticks: Tick[] }[] = [];
  /** By step: the times in which it may be revised, from when it was filled or a restart read it. */
  readonly opened = new Map<number, { from_us: number; to_us: number }[]>();
  /** Steps of a product without a row at a restart, before its newest row: nobody knows its answer then. */
  readonly unknown = new Set<string>();
  #next_us: number;

  constructor(start_us: number) {
    this.#next_us = start_us;
  }

  fill(now_us: number): void {
    for (; this.#next_us < now_us; this.#next_us += SECOND)
      if (this.#next_us >= now_us - 300 * SECOND) this.#open(this.#next_us, now_us);
  }

  /** A restart at `now_us`: the steps of five minutes are open again, if there was a sample. */
  restart(now_us: number, oldest_us: number): void {
    if (oldest_us === now_us) this.#next_us = Math.ceil(now_us / SECOND) * SECOND;
    this.fill(now_us);
    for (const times of this.opened.values()) for (const time of times) time.to_us = Math.min(time.to_us, now_us);
    const first_us = Math.ceil(Math.max(now_us - 300 * SECOND, oldest_us) / SECOND) * SECOND;
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
