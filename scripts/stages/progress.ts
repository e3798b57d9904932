/** Detects a stage without progress: every message is refused, or no window moves. */
import { parseDuration } from "../base/duration.ts";
import { TidemarkError } from "../base/errors.ts";
import { NO_PROGRESS_MS, REASONS_MAX } from "../base/limits.ts";
import { printable } from "../base/printable.ts";
import type { Problem, Problems } from "../contract/problems.ts";
import { reasonKind } from "../contract/tick.ts";

/** The outcome of one commit. */
export interface Taken {
  /** Trades that were counted. Duplicates are neither accepted nor refused. */
  accepted: number;
  /** Why messages were refused, one reason per message. */
  refused: readonly string[];
  /** A window closed or was revised, or a product's event-time high mark rose. True without windows. */
  moved: boolean;
}

const NOTHING_ACCEPTED = "nothing-accepted";
const NOTHING_MOVES = "nothing-moves";

/**
 * The limit in milliseconds: TIDEMARK_NO_PROGRESS_AFTER or NO_PROGRESS_MS, at least `least_us` (2 ×
 * window + lateness). Fails with USAGE when the variable is not a valid duration.
 */
export function noProgressMs(least_us = 0): number {
  const wanted = process.env.TIDEMARK_NO_PROGRESS_AFTER;
  const us = wanted ? parseDuration(wanted) : NO_PROGRESS_MS * 1_000;
  if (us === null)
    throw new TidemarkError(
      "USAGE",
      `TIDEMARK_NO_PROGRESS_AFTER: "${wanted}" is not a valid duration.`,
      "Use for example 2m.",
    );
  return Math.max(us, least_us) / 1_000;
}

/** A span in which records came without progress. */
interface Span {
  /** Of its first record; null outside such a span. */
  since_ms: number | null;
  last_ms: number;
  count: number;
}

export class ProgressWatch {
  readonly #refused: Span = { since_ms: null, last_ms: 0, count: 0 };
  readonly #unmoved: Span = { since_ms: null, last_ms: 0, count: 0 };
  readonly #reasons = new Map<string, { count: number; example: string }>();

  /** `limit_ms`: see `noProgressMs`. `kept`: problems of the previous process, until the first progress. */
  constructor(
    private readonly limit_ms: number,
    private readonly problems: Problems,
    kept: readonly Problem[] = [],
  ) {
    for (const one of kept) if ([NOTHING_ACCEPTED, NOTHING_MOVES].includes(one.code)) problems.report(one);
  }

  /** Notes a commit at `now_ms` (a clock that never steps). */
  took({ accepted, refused, moved }: Taken, now_ms: number): void {
    if (accepted > 0) this.#end(this.#refused, NOTHING_ACCEPTED);
    else if (refused.length > 0) this.#extend(this.#refused, refused.length, now_ms);
    for (const reason of refused) this.#count(reason);
    if (moved) this.#end(this.#unmoved, NOTHING_MOVES);
    else if (accepted > 0) this.#extend(this.#unmoved, accepted, now_ms);
  }

  /**
   * Reports spans that lasted for the limit. Returns the new sentences, to be logged once. `now_us`:
   * wall clock.
   */
  judge(now_us: number): string[] {
    const fresh: string[] = [];
    const report = (span: Span, code: string, sentence: () => string) => {
      if (span.since_ms === null || span.last_ms - span.since_ms < this.limit_ms) return;
      const isNew = !this.problems.list().some((one) => one.code === code);
      const since_us = now_us - (span.last_ms - span.since_ms) * 1_000;
      const problem = { code, sentence: sentence(), stops: true, since_us };
      this.problems.report(problem);
      if (isNew) fresh.push(problem.sentence);
    };
    report(this.#refused, NOTHING_ACCEPTED, () => this.#refusedSentence());
    report(this.#unmoved, NOTHING_MOVES, () => {
      const { count } = this.#unmoved;
      return (
        `${count} trades have come in ${minutes(this.limit_ms)} or more and no window has moved: each is stamped too far ` +
        "ahead of the log's clock (--max-skew) or not newer than the one before. Check the clocks of this machine, of the broker and of the feed."
      );
    });
    return fresh;
  }

  #refusedSentence(): string {
    const [most] = [...this.#reasons.values()].sort((a, b) => b.count - a.count);
    return (
      `No message has been accepted as a trade for ${minutes(this.limit_ms)} or more: ${this.#refused.count} were refused, ` +
      `most often (${most!.count} times) because ${printable(most!.example, 256)}. ` +
      "They are kept whole in dead_letters. Check what the feed sends."
    );
  }

  #extend(span: Span, count: number, now_ms: number): void {
    span.since_ms ??= now_ms;
    span.last_ms = now_ms;
    span.count += count;
  }

  #end(span: Span, code: string): void {
    span.since_ms = null;
    span.count = 0;
    if (span === this.#refused) this.#reasons.clear();
    this.problems.solve(code);
  }

  #count(reason: string): void {
    const kind = reasonKind(reason);
    const name = this.#reasons.has(kind) || this.#reasons.size < REASONS_MAX ? kind : "another reason";
    const known = this.#reasons.get(name);
    if (known) known.count++;
    else this.#reasons.set(name, { count: 1, example: reason });
  }
}

function minutes(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return seconds % 60 === 0 && seconds > 0 ? `${seconds / 60} min` : `${ms / 1_000} s`;
}
