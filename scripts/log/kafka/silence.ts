/** Whether a broker answers, as one reader notices it; a loss and its end are logged once. */
import { monotonicMs } from "../../base/clock.ts";
import { sentence } from "../../base/errors.ts";
import { KAFKA_AWAY_MS } from "../../base/limits.ts";
import type { Logger } from "../../base/logger.ts";

export class Silence {
  /** The group was lost, and not joined again yet. */
  away = false;
  /** Since when the log has been asked without an answer; null when it answered last. */
  #asked_ms: number | null = null;
  #why = "";

  constructor(private readonly log: { name: string; logger: Logger }) {}

  /** Asks the log, and notes whether it answers. */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    this.#asked_ms ??= monotonicMs();
    try {
      const answer = await question();
      this.#asked_ms = null;
      this.#why = "";
      return answer;
    } catch (error) {
      this.#why = sentence(error);
      throw error;
    }
  }

  lost(error: unknown): void {
    this.#why = sentence(error);
    if (!this.away) this.log.logger.warn(`${this.log.name} is away, trying again until it answers: ${this.#why}`);
    this.away = true;
  }

  joined(): void {
    if (this.away) this.log.logger.info(`${this.log.name} answers again`);
    this.away = false;
  }

  /** A sentence while the broker is away, or while a question has had no answer for KAFKA_AWAY_MS; null otherwise. */
  sentence(): string | null {
    const silent = this.#asked_ms !== null && monotonicMs() - this.#asked_ms > KAFKA_AWAY_MS;
    return this.away || silent ? `${this.log.name} does not answer${this.#why ? `: ${this.#why}` : ""}` : null;
  }
}
