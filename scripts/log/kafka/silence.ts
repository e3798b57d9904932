/** Notices that a reader's broker does not respond, and logs the loss and its end once. */
import { monotonicMs } from "../../base/clock.ts";
import { sentence } from "../../base/errors.ts";
import { KAFKA_AWAY_MS } from "../../base/limits.ts";
import type { Logger } from "../../base/logger.ts";

export class Silence {
  /** True from the loss of the group until it is joined again. */
  away = false;
  /** Since when requests are without a response (monotonic ms); null after one. */
  #asked_ms: number | null = null;
  #why = "";

  constructor(private readonly log: { name: string; logger: Logger }) {}

  /** Sends a request, and notes whether it gets a response. */
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
    if (!this.away) this.log.logger.warn(`${this.log.name} is away, retrying until it answers: ${this.#why}`);
    this.away = true;
  }

  joined(): void {
    if (this.away) this.log.logger.info(`${this.log.name} answers again`);
    this.away = false;
  }

  /**
   * Why the log does not respond: the group is lost, or no response for KAFKA_AWAY_MS; else null.
   */
  sentence(): string | null {
    const silent = this.#asked_ms !== null && monotonicMs() - this.#asked_ms > KAFKA_AWAY_MS;
    return this.away || silent ? `${this.log.name} does not answer${this.#why ? `: ${this.#why}` : ""}` : null;
  }
}
