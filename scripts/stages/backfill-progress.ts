/** How far `backfill` is: one line that is redrawn on a terminal, otherwise a line each few seconds. */
import { monotonicMs } from "../base/clock.ts";
import { formatSpan } from "../base/duration.ts";

/** Of the product that is being loaded. */
interface Reached {
  /** Trades that the share counts: with `--trades` those of earlier runs too. */
  loaded: number;
  /** Time of the oldest, ISO 8601. */
  oldest: string;
  /** Of what is wanted, from 0 to 1. */
  share: number;
}

const REDRAW_MS = 100;
const LINE_MS = 5_000;
const CELLS = 20;
const CLEAR = "\r\u001b[K";

export class BackfillProgress {
  #product = "";
  #started_ms = 0;
  /** The share at this run's first page: what earlier runs loaded took no time of this one. */
  #first_share: number | null = null;
  #drawn_ms = 0;
  #isDrawn = false;
  #reached: Reached | null = null;

  constructor(
    private readonly write: (text: string) => void,
    private readonly isTerminal: boolean,
    /** Of the terminal; a wrapped line would not be redrawn. */
    private readonly columns: () => number = () => Number.POSITIVE_INFINITY,
  ) {}

  begin(product_id: string): void {
    this.#product = product_id;
    this.#started_ms = monotonicMs();
    this.#drawn_ms = this.isTerminal ? Number.NEGATIVE_INFINITY : this.#started_ms;
    this.#first_share = null;
    this.#reached = null;
  }

  at(reached: Reached): void {
    this.#reached = reached;
    this.#first_share ??= reached.share;
    const now_ms = monotonicMs();
    if (now_ms - this.#drawn_ms < (this.isTerminal ? REDRAW_MS : LINE_MS)) return;
    this.#drawn_ms = now_ms;
    this.#draw();
  }

  /** The line stays, as it was at the end. `isWhole`: all that is wanted is there. */
  end(isWhole: boolean): void {
    if (!this.isTerminal || this.#reached === null) return;
    if (isWhole) this.#reached.share = 1;
    this.#draw();
    this.write("\n");
    this.#isDrawn = false;
  }

  /** Something else is written now: a redrawn line stays above it. */
  interrupt(): void {
    if (this.#isDrawn && this.isTerminal) this.write("\n");
    this.#isDrawn = false;
  }

  #draw(): void {
    const line = lineOf(this.#product, this.#reached!, this.#leftUs());
    if (!this.isTerminal) this.write(`${line}\n`);
    else this.write(`${this.#isDrawn ? CLEAR : ""}${line.slice(0, Math.max(1, this.columns() - 1))}`);
    this.#isDrawn = true;
  }

  /** Null while it can't be known. */
  #leftUs(): number | null {
    const { share } = this.#reached!;
    const gained = share - this.#first_share!;
    if (gained <= 0) return null;
    return ((monotonicMs() - this.#started_ms) / gained) * (1 - share) * 1_000;
  }
}

/** `BTC-USD [####......] 21 %, 21,000 trades, back to 2026-11-26T10:00:00Z, 2 minutes left`. */
function lineOf(product_id: string, { loaded, oldest, share }: Reached, left_us: number | null): string {
  const full = Math.floor(share * CELLS);
  const bar = `[${"#".repeat(full)}${".".repeat(CELLS - full)}]`;
  const left = left_us === null || share >= 1 ? "" : `, ${formatSpan(left_us)} left`;
  const trades = String(loaded).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${product_id} ${bar} ${Math.floor(share * 100)} %, ${trades} trades, back to ${oldest}${left}`;
}
