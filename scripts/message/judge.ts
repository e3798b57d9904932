/** Whether a record counts as a trade, by the same rule as `stream` and `consume`. */
import type { FullTick, Tick } from "../contract/tick.ts";
import { Extractor } from "./extract.ts";
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
