/** The recording as it plays: which trades are made by now, and what the replay's clock says. It sends nothing. */
import { isoFromUs, monotonicMs } from "../base/clock.ts";
import { asMatch } from "../message/index.ts";
import type { Recorded } from "./recording.ts";

export interface TapeOptions {
  recorded: Recorded[];
  /** 1 plays at the recorded pace, 60 a minute in a second, Infinity as fast as the clients read. */
  speed: number;
  /** Plays again from the beginning; times and ids move on, so that they keep rising. */
  loop: boolean;
  /** Begins after this trade id, or after the first of these by product; a product that isn't named begins at its start. */
  after: number | ReadonlyMap<string, number>;
}

/** Between the last trade of a round and the first of the next. */
const ROUND_GAP_US = 1_000_000;

export class Tape {
  readonly products: ReadonlySet<string>;
  /** Index past the last trade; Infinity in a loop. Indexes go on counting from round to round. */
  readonly end: number;
  /** Trades made so far: the next one's index. */
  stand: number;
  readonly #recorded: Recorded[];
  readonly #matches: string[] = [];
  readonly #round_us: number;
  readonly #round_ids: number;
  readonly speed: number;
  #started_ms = -1;
  #started_us = 0;

  constructor(options: TapeOptions) {
    const { recorded } = options;
    this.#recorded = recorded;
    this.speed = options.speed;
    this.products = new Set(recorded.map((trade) => trade.product_id));
    const [times, ids] = [bounds(recorded, "time_us"), bounds(recorded, "trade_id")];
    this.#round_us = times.max - times.min + ROUND_GAP_US;
    this.#round_ids = ids.max - ids.min + 1;
    this.end = options.loop ? Number.POSITIVE_INFINITY : recorded.length;
    this.stand = this.#after(options);
  }

  /** True when trades come by the recording's clock, not as fast as they are read. */
  get paced(): boolean {
    return Number.isFinite(this.speed);
  }

  get started(): boolean {
    return this.#started_ms >= 0;
  }

  get over(): boolean {
    return this.stand >= this.end;
  }

  /** The play begins with the first subscription; later calls change nothing. */
  start(): void {
    if (this.started) return;
    this.#started_ms = monotonicMs();
    this.#started_us = this.trade(Math.min(this.stand, this.end - 1)).time_us;
  }

  /** Moves a paced play to what is due now. Returns the milliseconds until the next trade is. */
  advance(): number {
    const now_us = this.clockUs();
    while (this.stand < this.end && this.trade(this.stand).time_us <= now_us) this.stand++;
    return this.over ? 0 : (this.trade(this.stand).time_us - now_us) / 1_000 / this.speed;
  }

  /** The replay's own time, microseconds since 1970: it runs on while nobody listens, and rests at the end. */
  clockUs(): number {
    const newest_us = this.stand > 0 ? this.trade(this.stand - 1).time_us : this.trade(0).time_us;
    if (!this.started || !this.paced || this.over) return newest_us;
    return this.#started_us + Math.round((monotonicMs() - this.#started_ms) * 1_000 * this.speed);
  }

  trade(index: number): Recorded {
    const { length } = this.#recorded;
    if (index < length) return this.#recorded[index]!;
    return this.#moved(this.#recorded[index % length]!, Math.floor(index / length));
  }

  /** The trade as a frame of the matches channel; kept, so that the second client costs nothing. */
  match(index: number): string {
    if (index >= this.#recorded.length) return asMatch(this.trade(index).line, "match");
    this.#matches[index] ??= asMatch(this.#recorded[index]!.line, "match");
    return this.#matches[index];
  }

  /** The newest trade of a product already made, or null. */
  last(product_id: string): Recorded | null {
    for (let i = this.stand - 1; i >= Math.max(0, this.stand - this.#recorded.length); i--) {
      if (this.trade(i).product_id === product_id) return this.trade(i);
    }
    return null;
  }

  /** A trade of a later round: ids and times go on after the round before. */
  #moved(trade: Recorded, round: number): Recorded {
    const trade_id = trade.trade_id + round * this.#round_ids;
    const time_us = trade.time_us + round * this.#round_us;
    const line = trade.line
      .replace(/"time":"[^"]*"/, `"time":"${isoFromUs(time_us)}"`)
      .replace(/"trade_id":\d+/, `"trade_id":${trade_id}`)
      .replace(/"sequence":\d+/, `"sequence":${trade_id}`);
    return { line, trade_id, time_us, product_id: trade.product_id };
  }

  /** The index of the first trade that was not played yet, in whichever round it is. What others played beyond it comes again: duplicates are harmless. */
  #after({ after, loop, recorded }: TapeOptions): number {
    if (typeof after === "number") return this.#indexAfter(after, loop, recorded, () => true);
    const places = [...this.products].map((product) =>
      this.#indexAfter(after.get(product) ?? -1, loop, recorded, (trade) => trade.product_id === product),
    );
    return Math.min(...places);
  }

  #indexAfter(id: number, loop: boolean, recorded: Recorded[], counts: (trade: Recorded) => boolean): number {
    const { min } = bounds(recorded, "trade_id");
    const round = loop ? Math.max(0, Math.floor((id - min) / this.#round_ids)) : 0;
    const rest = id - round * this.#round_ids;
    const found = recorded.findIndex((trade) => counts(trade) && trade.trade_id > rest);
    return (found < 0 ? recorded.length : found) + round * recorded.length;
  }
}

function bounds(recorded: Recorded[], field: "time_us" | "trade_id"): { min: number; max: number } {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const trade of recorded) {
    if (trade[field] < min) min = trade[field];
    if (trade[field] > max) max = trade[field];
  }
  return { min, max };
}
