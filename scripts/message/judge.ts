/** Whether a record will count as a trade: by the consumers' own rule, so that nothing is remembered of what they refuse. */
import type { Tick } from "../contract/tick.ts";
import { Extractor } from "./extract.ts";
import { parseRecord } from "./parse.ts";

export class Judge {
  readonly #extractor = new Extractor({ quotes: false });

  /** The last record was a flat object of plain text and numbers, which every JSON reader decodes if it is UTF-8. */
  isFlat = false;

  /** The trade that `stream` and `consume` will read from this record, or null. */
  tick(record: Uint8Array): Tick | null {
    const tick = this.#extractor.extract(record, 0, record.length);
    this.isFlat = tick !== null;
    if (tick !== null) return tick;
    const parsed = parseRecord(record);
    return parsed.kind === "tick" ? parsed.tick : null;
  }
}
