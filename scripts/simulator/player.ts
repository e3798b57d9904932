/** A recording as it plays: which trades are made so far, and the replay's own clock. It sends nothing. */
import { monotonicMs } from "../base/clock.ts";
import { isoFromUs } from "../base/iso.ts";
import { matchFrame, type Recorded } from "./exchange-frames.ts";

export interface PlayerOptions {
  recorded: Recorded[];
  /** 1 plays at the recorded pace, 60 a minute per second, Infinity as fast as the clients read. */
  speed: number;
  /** Starts over at the end; times and ids are shifted so that they keep rising. */
  loop: boolean;
  /** Plays the rest of the round that `after` is in, or a whole one after it, shifted like a loop. */
  again?: boolean;
  /**
   * Begins after this trade id, or after the first of these by product; products not named begin at
   * their start.
   */
  after: number | ReadonlyMap<string, number>;
  /** How far the exchange's clock is ahead of this machine's, in microseconds; negative: behind. */
  skew_us?: number;
}

/** Between the last trade of a round and the first of the next. */
const ROUND_GAP_US = 1_000_000;

export class Player {
  readonly products: ReadonlySet<string>;
  /** Index past the last trade; Infinity in a loop. Indexes continue from round to round. */
  readonly end: number;
  /** Index of the next trade to play. */
  position: number;
  readonly #recorded: Recorded[];
  readonly #matches: string[] = [];
  #isById: boolean | null = null;
  readonly #round_us: number;
  readonly #round_ids: number;
  readonly speed: number;
  /** How far all stamps are ahead of the recording's, so that the skew takes `skew_us` of our time. */
  readonly ahead_us: number;
  #started_ms = -1;
  #started_us = 0;

  constructor(options: PlayerOptions) {
    this.speed = options.speed;
    this.ahead_us = Math.round((options.skew_us ?? 0) * (this.paced ? this.speed : 1));
    const recorded =
      this.ahead_us === 0 ? options.recorded : options.recorded.map((trade) => moved(trade, this.ahead_us, 0));
    this.#recorded = recorded;
    this.products = new Set(recorded.map((trade) => trade.product_id));
    const [times, ids] = [bounds(recorded, "time_us"), bounds(recorded, "trade_id")];
    this.#round_us = times.max - times.min + ROUND_GAP_US;
    this.#round_ids = ids.max - ids.min + 1;
    this.position = this.#after(options);
    const rounds = options.again ? Math.floor(this.position / recorded.length) + 1 : 1;
    this.end = options.loop ? Number.POSITIVE_INFINITY : rounds * recorded.length;
  }

  /** True when trades come by the recording's clock, not as fast as they are read. */
  get paced(): boolean {
    return Number.isFinite(this.speed);
  }

  get started(): boolean {
    return this.#started_ms >= 0;
  }

  get over(): boolean {
    return this.position >= this.end;
  }

  /** Whether each product's ids rise from trade to trade: a disordered recording's don't. */
  get isById(): boolean {
    if (this.#isById !== null) return this.#isById;
    const last = new Map<string, number>();
    this.#isById = this.#recorded.every(({ product_id, trade_id }) => {
      const rises = trade_id > (last.get(product_id) ?? -1);
      last.set(product_id, trade_id);
      return rises;
    });
    return this.#isById;
  }

  /** The play begins with the first subscription; later calls change nothing. */
  start(): void {
    if (this.started) return;
    this.#started_ms = monotonicMs();
    this.#started_us = this.trade(Math.min(this.position, this.end - 1)).time_us;
  }

  /** Moves a paced play to what is due now. Returns the milliseconds until the next trade is due. */
  advance(): number {
    const now_us = this.clockUs();
    while (this.position < this.end && this.trade(this.position).time_us <= now_us) this.position++;
    return this.over ? 0 : (this.trade(this.position).time_us - now_us) / 1_000 / this.speed;
  }

  /**
   * The replay's own time, microseconds since 1970 UTC: it runs while nobody listens, and stops at the
   * end.
   */
  clockUs(): number {
    const newest_us = this.position > 0 ? this.trade(this.position - 1).time_us : this.trade(0).time_us;
    if (!this.started || !this.paced || this.over) return newest_us;
    return this.#started_us + Math.round((monotonicMs() - this.#started_ms) * 1_000 * this.speed);
  }

  trade(index: number): Recorded {
    const { length } = this.#recorded;
    if (index < length) return this.#recorded[index]!;
    // Ids and times of a later round continue after the round before.
    const round = Math.floor(index / length);
    return moved(this.#recorded[index % length]!, round * this.#round_us, round * this.#round_ids);
  }

  /** Trades of this round that are not sent yet although their time has come, the last one first. */
  madeBeforeSent(): Recorded[] {
    const { length } = this.#recorded;
    const first = this.position - (this.position % length);
    let now_us = this.clockUs();
    for (let i = first; i < this.position; i++) now_us = Math.max(now_us, this.trade(i).time_us);
    const made: Recorded[] = [];
    for (let i = Math.min(this.end, first + length) - 1; i >= this.position; i--) {
      const trade = this.trade(i);
      if (trade.time_us <= now_us) made.push(trade);
    }
    return made;
  }

  /** The trade as a frame of the matches channel; kept, so that the second client costs nothing. */
  match(index: number): string {
    if (index >= this.#recorded.length) return matchFrame(this.trade(index).line, "match");
    this.#matches[index] ??= matchFrame(this.#recorded[index]!.line, "match");
    return this.#matches[index];
  }

  /** The newest trade of a product made so far, or null. */
  last(product_id: string): Recorded | null {
    for (let i = this.position - 1; i >= Math.max(0, this.position - this.#recorded.length); i--) {
      if (this.trade(i).product_id === product_id) return this.trade(i);
    }
    return null;
  }

  /**
   * Index of the first trade not played yet, in its round; what others played beyond it comes again as
   * duplicates.
   */
  #after({ after, loop: isLoop, again = false, recorded }: PlayerOptions): number {
    const loop = isLoop || again;
    if (typeof after === "number") return this.#indexAfter(after, loop, recorded, () => true);
    const indexes = [...this.products].map((product) =>
      this.#indexAfter(after.get(product) ?? -1, loop, recorded, (trade) => trade.product_id === product),
    );
    return Math.min(...indexes);
  }

  #indexAfter(id: number, loop: boolean, recorded: Recorded[], counts: (trade: Recorded) => boolean): number {
    const { min } = bounds(recorded, "trade_id");
    const round = loop ? Math.max(0, Math.floor((id - min) / this.#round_ids)) : 0;
    const rest = id - round * this.#round_ids;
    const found = recorded.findIndex((trade) => counts(trade) && trade.trade_id > rest);
    return (found < 0 ? recorded.length : found) + round * recorded.length;
  }
}

/** The trade with another time, and with other ids unless `by_ids` is 0. */
export function moved({ line, product_id, ...trade }: Recorded, by_us: number, by_ids: number): Recorded {
  const time_us = trade.time_us + by_us;
  const timed = line.replace(/"time":"[^"]*"/, `"time":"${isoFromUs(time_us)}"`);
  if (by_ids === 0) return { line: timed, product_id, trade_id: trade.trade_id, time_us };
  const trade_id = trade.trade_id + by_ids;
  const numbered = timed
    .replace(/"trade_id":\d+/, `"trade_id":${trade_id}`)
    .replace(/"sequence":\d+/, `"sequence":${trade_id}`);
  return { line: numbered, product_id, trade_id, time_us };
}

function bounds(recorded: Recorded[], field: "time_us" | "trade_id"): { min: number; max: number } {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const trade of recorded) {
    if (trade[field] < min) min = trade[field];
    if (trade[field] > max) max = trade[field];
  }
  return { min, max };
}
