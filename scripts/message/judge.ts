/** Whether a record counts as a trade, by the same rule as `stream` and `consume`. */
import type { FullTick, Tick } from "../contract/tick.ts";
import { Extractor } from "./extract.ts";
import { asTicker, type Message } from "./frame.ts";
import { parseRecord } from "./parse.ts";

export class Judge {
  readonly #extractor = new Extractor({ quotes: false });

  /**
   * The last record was a flat object of plain text and numbers: every JSON reader decodes it if it is
   * UTF-8.
   */
  isFlat = false;

  /** The trade that `stream` and `consume` will read from this record, or null. */
  tick(record: Uint8Array): Tick | null {
    return this.#read(record);
  }

  /** A trade of REST as the log stores it, and as both will read it; null when it is not a whole one. */
  trade(message: Message, product_id: string, source: "rest" | "backfill"): { value: Buffer; tick: Tick } | null {
    const ticker = asTicker(message, product_id, source);
    if (ticker === null) return null;
    const value = Buffer.from(ticker);
    const tick = this.#read(value);
    return tick === null ? null : { value, tick };
  }

  /** The product of a trade that both will take; null for any other record, and for history. */
  productOf(record: Uint8Array): string | null {
    const tick = this.#read(record);
    return tick === null || tick.source === "backfill" ? null : tick.product_id;
  }

  #read(record: Uint8Array): FullTick | null {
    const tick = this.#extractor.extract(record, 0, record.length);
    this.isFlat = tick !== null;
    if (tick !== null) return tick;
    const parsed = parseRecord(record);
    return parsed.kind === "tick" ? parsed.tick : null;
  }
}
