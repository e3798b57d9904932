/** The log's ends, asked in the background, so that no request waits for a broker. */
import { monotonicMs, nowUs } from "../../scripts/base/clock.ts";
import { sentence, TidemarkError } from "../../scripts/base/errors.ts";
import { LOG_ANSWER_MS_MAX, LOG_ASK_IDLE_MS, LOG_ASK_MS, LOG_REQUEST_WAIT_MS } from "../../scripts/base/limits.ts";
import type { Logger } from "../../scripts/base/logger.ts";
import { pause, within } from "../../scripts/base/wait.ts";
import type { PartitionSpan } from "../../scripts/contract/log.ts";

/** What is known of the log. */
export interface LogAnswer {
  /** As of `asked_us`; null before the first answer, and while there is no log. */
  spans: PartitionSpan[] | null;
  /** When the log answered last, microseconds since 1970; null: never. */
  asked_us: number | null;
  /** Why it doesn't answer now, with what to do; null while it does. */
  error: string | null;
  /** Since when it has not answered; null while it does. */
  away_us: number | null;
}

export interface LogView {
  readonly name: string;
  readonly last: LogAnswer;
  /** Resolves when a newer answer has come, after LOG_REQUEST_WAIT_MS at the latest. */
  refresh(): Promise<void>;
  /**
   * Receipt of the product's first tick that a reader at `positions` has not read, microseconds since
   * 1970 UTC; null in it if none waits. Null, or absent, if the log is not read for that (Kafka), or
   * can't be now.
   */
  firstTick?(reader: string, positions: ReadonlyMap<number, number>, product: string): FirstTick;
}

type FirstTick = { received_us: number | null } | null;

interface Ends {
  ask(): Promise<PartitionSpan[] | null>;
  firstTick?(reader: string, positions: ReadonlyMap<number, number>, product: string): FirstTick;
  reset(): void;
}

/** An error's sentence with its hint. */
export function errorText(error: unknown): string {
  const hint = error instanceof TidemarkError ? error.hint : "";
  return `${sentence(error)}${hint ? ` ${hint}` : ""}`;
}

/** What the log answers. Rejects with LOG_UNREACHABLE after LOG_ANSWER_MS_MAX. */
export function inAnswerTime<T>(name: string, answer: Promise<T>): Promise<T> {
  return within(LOG_ANSWER_MS_MAX, answer, () => {
    const say = `${name} has not answered for ${LOG_ANSWER_MS_MAX / 1_000} s.`;
    const hint = "Check that the broker runs, that it is not stopped or overloaded, and the network.";
    return new TidemarkError("LOG_UNREACHABLE", say, hint);
  });
}

/** Asks `ends` at most every LOG_ASK_MS, and logs once when the log stops or resumes answering. */
export class AskedLog implements LogView {
  #last: LogAnswer = { spans: null, asked_us: null, error: null, away_us: null };
  #asking: Promise<void> | null = null;
  #asking_ms = 0;
  #answered_ms = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;
  #closed = false;

  constructor(
    readonly name: string,
    private readonly ends: Ends,
    private readonly logger: Logger,
  ) {}

  get last(): LogAnswer {
    return this.#last;
  }

  async refresh(): Promise<void> {
    const asking = this.#ask();
    const waited_ms = monotonicMs() - this.#asking_ms;
    if (asking === null) return;
    // Also of 0: an embedded log has answered already, be it slowly, and its answer is taken.
    await Promise.race([asking, pause(Math.max(0, LOG_REQUEST_WAIT_MS - waited_ms))]);
  }

  firstTick(reader: string, positions: ReadonlyMap<number, number>, product: string): FirstTick {
    if (this.#last.error !== null) return null;
    try {
      return this.ends.firstTick?.(reader, positions, product) ?? null;
    } catch (error) {
      this.#fail(error);
      return null;
    }
  }

  /** Asks now, and every LOG_ASK_IDLE_MS when no request does. */
  start(): void {
    void this.#ask();
    this.#timer ??= setInterval(() => void this.#ask(), LOG_ASK_IDLE_MS);
  }

  close(): void {
    this.#closed = true;
    if (this.#timer) clearInterval(this.#timer);
    this.ends.reset();
  }

  /** The question in progress, or a new one when the last answer is old enough. */
  #ask(): Promise<void> | null {
    if (this.#asking !== null || this.#closed) return this.#asking;
    if (monotonicMs() - this.#answered_ms < LOG_ASK_MS) return null;
    this.#asking_ms = monotonicMs();
    this.#asking = this.#question().finally(() => {
      this.#asking = null;
      this.#answered_ms = monotonicMs();
    });
    return this.#asking;
  }

  async #question(): Promise<void> {
    try {
      const spans = await inAnswerTime(this.name, this.ends.ask());
      if (this.#last.error !== null) this.logger.info(`${this.name} answers`);
      this.#last = { spans, asked_us: nowUs(), error: null, away_us: null };
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.ends.reset();
    if (this.#closed) return;
    const text = errorText(error);
    if (this.#last.error === null) this.logger.warn(`${text} The page shows what was known last.`);
    this.#last = { ...this.#last, error: text, away_us: this.#last.away_us ?? nowUs() };
  }
}
