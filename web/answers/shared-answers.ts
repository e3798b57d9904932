/** Answers that many ask for at once are made a few times per second and shared: none is a second old. */
import { NewestUsed } from "../model/newest-used.ts";

/** Of one question, per second: one person reloading never gets an older one, a thousand cost no more. */
const MADE_PER_SECOND = 8;
/** Questions whose newest answers are kept; the largest one, a chart of 10,000 windows, has 2 MB. */
const QUESTIONS_MAX = 16;

interface Made<T> {
  answer: T;
  /** When the newest ones were made, at most MADE_PER_SECOND, the oldest first. */
  at_ms: number[];
}

export class SharedAnswers<T> {
  readonly #made = new NewestUsed<string, Made<T>>(QUESTIONS_MAX);

  /** `now_ms`: monotonic. An error of `make` is thrown, and is not shared. */
  of(question: string, now_ms: number, make: () => T): T {
    const known = this.#made.get(question);
    const recent = (known?.at_ms ?? []).filter((at_ms) => now_ms - at_ms < 1_000);
    if (known !== undefined && recent.length >= MADE_PER_SECOND) return known.answer;
    const answer = make();
    this.#made.set(question, { answer, at_ms: [...recent, now_ms] });
    return answer;
  }
}
