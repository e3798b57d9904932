/** The bounded buffer between socket and log: the socket's callback fills it, one loop drains it. */

import { monotonicMs } from "../base/clock.ts";
import { sentence, TidemarkError } from "../base/errors.ts";
import {
  DRAIN_MS_MAX,
  FEED_APPEND_RECORDS_MAX,
  FEED_BUFFER_BYTES_MAX,
  FEED_BUFFER_RECORDS_MAX,
  FEED_RETRY_MS,
} from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import type { AppendRecord } from "../contract/log.ts";

export class FeedBuffer {
  #records: AppendRecord[] = [];
  #bytes = 0;
  /** Taken, but not yet in the log. */
  #appending = 0;
  #arrival: (() => void) | null = null;
  #ended = false;
  #wasFull = false;
  /** Records taken so far. */
  pushed = 0;
  /** Called when a full buffer is half empty again. */
  onRoom: () => void = () => {};

  constructor(
    private readonly records_max = FEED_BUFFER_RECORDS_MAX,
    private readonly bytes_max = FEED_BUFFER_BYTES_MAX,
  ) {}

  get length(): number {
    return this.#records.length + this.#appending;
  }

  /** Takes a record. Returns false when the buffer is full: the socket must not be read until `onRoom`. */
  push(record: AppendRecord): boolean {
    this.#records.push(record);
    this.pushed++;
    this.#bytes += bytesOf(record);
    this.#arrival?.();
    this.#wasFull ||= this.length >= this.records_max || this.#bytes >= this.bytes_max;
    return !this.#wasFull;
  }

  /** No more will come: `drain` ends when the buffer is empty. */
  end(): void {
    this.#ended = true;
    this.#arrival?.();
  }

  /** Appends records in order until `end`; tries a full or unreachable log again, rejects otherwise. */
  async drain(append: (records: AppendRecord[]) => Promise<void>, options: DrainOptions): Promise<void> {
    for (;;) {
      if (this.#records.length === 0) {
        if (this.#ended) return;
        await this.#arrived();
        continue;
      }
      // On Bun 1.4.5 promises settle between two messages of one read.
      // Without a turn of the event loop each message would be a batch of its own.
      await new Promise((resolve) => setImmediate(resolve));
      const batch = this.#take();
      await this.#append(append, batch, options);
      options.onAppended(batch);
      this.#appending = 0;
      for (const record of batch) this.#bytes -= bytesOf(record);
      if (this.#wasFull && this.length <= this.records_max / 2 && this.#bytes <= this.bytes_max / 2) {
        this.#wasFull = false;
        this.onRoom();
      }
    }
  }

  #take(): AppendRecord[] {
    const all = this.#records;
    const batch = all.length <= FEED_APPEND_RECORDS_MAX ? all : all.slice(0, FEED_APPEND_RECORDS_MAX);
    this.#records = batch === all ? [] : all.slice(FEED_APPEND_RECORDS_MAX);
    this.#appending = batch.length;
    return batch;
  }

  async #append(append: (records: AppendRecord[]) => Promise<void>, batch: AppendRecord[], options: DrainOptions) {
    let ended_ms = Number.POSITIVE_INFINITY;
    for (let tries = 0; ; tries++) {
      try {
        await append(batch);
        if (tries > 0) options.logger.info("the log takes records again");
        options.onWaiting("");
        return;
      } catch (error) {
        if (!(error instanceof TidemarkError) || !["DISK_FULL", "LOG_UNREACHABLE"].includes(error.code)) throw error;
        if (this.#ended && ended_ms === Number.POSITIVE_INFINITY) ended_ms = monotonicMs();
        if (monotonicMs() - ended_ms > DRAIN_MS_MAX - 2 * FEED_RETRY_MS) throw error;
        if (tries === 0)
          options.logger.warn(
            `${sentence(error)} Nothing is read from the feed past ${this.records_max} records until there is room.`,
          );
        options.onWaiting(sentence(error));
        await Bun.sleep(FEED_RETRY_MS);
      }
    }
  }

  #arrived(): Promise<void> {
    return new Promise((resolve) => {
      this.#arrival = () => {
        this.#arrival = null;
        resolve();
      };
    });
  }
}

/** Bytes of a record in memory that grow with the feed: its value, and its receipt time, a number. */
function bytesOf({ value, received_us }: AppendRecord): number {
  return value.length + (received_us === undefined ? 0 : 8);
}

interface DrainOptions {
  logger: Logger;
  /** These records are in the log. */
  onAppended(records: AppendRecord[]): void;
  /** Why the log takes no records; "" when it does. */
  onWaiting(why: string): void;
}
