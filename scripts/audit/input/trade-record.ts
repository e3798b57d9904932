/** A row of a foreign file of trades as the message of the feed, so that one set of rules judges both. */
import type { AuditRecord } from "../audit-types.ts";
import { auditRecord } from "./audit-record.ts";
import { feedTime, plainNumber, takerSide, tradeId } from "./feed-cells.ts";
import type { TradeField, TradeSources } from "./trade-columns.ts";

const encoder = new TextEncoder();

/** Turns rows into records. `text`: the cell of a column, null where it has none. */
export class TradeRows {
  readonly #isBuyerMaker: boolean;
  #row = 0;

  constructor(private readonly sources: TradeSources) {
    const side = sources.side;
    this.#isBuyerMaker = side !== undefined && "column" in side && /buyer_?maker/i.test(side.column);
  }

  record(text: (column: string) => string | null): AuditRecord {
    this.#row++;
    const of = (field: TradeField): string | null => {
      const source = this.sources[field];
      if (source === undefined) return null;
      if ("row" in source) return String(this.#row);
      return "constant" in source ? source.constant : text(source.column);
    };
    const message = {
      type: "ticker",
      product_id: of("product_id"),
      price: plainNumber(of("price")),
      side: takerSide(of("side"), this.#isBuyerMaker),
      time: feedTime(of("time")),
      trade_id: tradeId(of("trade_id")),
      last_size: plainNumber(of("last_size")),
      best_bid: plainNumber(of("best_bid")) ?? undefined,
      best_ask: plainNumber(of("best_ask")) ?? undefined,
      source: of("source") ?? undefined,
    };
    const at = { partition: whole(of("partition")) ?? 0, offset: whole(of("offset")) ?? this.#row - 1 };
    const record = auditRecord(encoder.encode(JSON.stringify(message)), { ...at, appended_us: 0 });
    return { ...record, appended_us: whole(of("appended")) ?? record.tick?.time_us ?? 0 };
  }

  /** A row that has not the cells of a trade. */
  refused(reason: string): AuditRecord {
    this.#row++;
    return { partition: 0, offset: this.#row - 1, appended_us: 0, tick: null, reason, raw: null };
  }
}

function whole(text: string | null): number | null {
  const value = Number(text);
  return text !== null && /^\d+$/.test(text) && Number.isSafeInteger(value) ? value : null;
}
