/** The audit of a table of trades: each of its rows, and each trade of the log, against the other. */
import type { AuditRecord } from "../audit-types.ts";
import { type Candidate, candidatesOf } from "./consumed.ts";
import { type Merges, mergesOf } from "./consumed-keys.ts";
import type { AnswerReason, TradesReport, TradeTable, TradeVerdict } from "./other-kinds.ts";
import { OTHER_REASONS } from "./other-kinds.ts";
import { tradeCells } from "./trade-cells.ts";
import { TradeLog } from "./trade-log.ts";
import { type TradeRules, tradeRules } from "./trade-rules.ts";

/** Trades named per reason: a table that lacks a day needs no list of a million. */
const TRADE_VERDICTS_MAX = 200;

type Row = TradeTable["rows"][number];

/**
 * Each distinct trade of the log should be one row, its numbers equal as doubles. A trade beyond the
 * table's newest may not have been read yet: nothing can decide it.
 */
export function auditTrades(records: readonly AuditRecord[], table: TradeTable): TradesReport {
  const audit = new TradeAudit(new TradeLog(candidatesOf(records)), table);
  for (const row of table.rows) audit.row(row);
  audit.missing();
  return audit.report();
}

class TradeAudit {
  readonly #rules: TradeRules;
  readonly #verdicts = new Map<AnswerReason | null, TradeVerdict[]>();
  readonly #counts = new Map<AnswerReason | null, number>();
  /** By key: whether the table has the trade; whether by its own id. */
  readonly #found: Uint8Array;
  readonly #used: Uint8Array;
  readonly #totals = { equal: 0, missing: 0, surplus: 0, altered: 0 };
  /** Log order of the first and last trade that the table has. */
  #first = Number.POSITIVE_INFINITY;
  #last = -1;
  /** How it merged separate trades; null where it did not. */
  #merges: Merges<Candidate> | null = null;
  /** Whether the table has a trade whose message had no quotes. */
  #hasUnquoted = false;

  constructor(
    private readonly log: TradeLog,
    private readonly table: TradeTable,
  ) {
    this.#found = new Uint8Array(log.keys);
    this.#used = new Uint8Array(log.keys);
    this.#rules = tradeRules(table, log);
  }

  row(row: Row): void {
    const tick = this.log.tickOf(row);
    if (tick === undefined) this.#withoutTick(row);
    else if (this.#used[tick.key_number] === 1)
      this.#add("surplus", row, tick, "W3", `Trade ${row.trade_id} has several rows.`);
    else this.#withTick(row, tick);
  }

  #withTick(row: Row, tick: Candidate): void {
    this.#used[tick.key_number] = 1;
    this.#note(tick);
    const differences = tradeCells(row, tick, this.table, null);
    if (differences.length === 0) {
      this.#totals.equal++;
      return;
    }
    const reason = this.#whyAltered(row, tick, differences);
    const names = differences.map(({ column }) => column).join(", ");
    this.#add(
      "altered",
      row,
      tick,
      reason,
      `${names} of trade ${row.trade_id} ${differences.length === 1 ? "differs" : "differ"}.`,
      differences,
    );
  }

  /** Another record of the same id, floats, or one rule for the times of all rows. */
  #whyAltered(row: Row, tick: Candidate, differences: TradeVerdict["differences"]): AnswerReason | null {
    const others = this.log.with(tick.id).filter((other) => other !== tick);
    const equal = others.findLast((other) => this.#fits(row, other));
    if (equal !== undefined) {
      this.#note(equal);
      if (!equal.isTick) return this.#rules.replaces ? "W5" : null;
      if (equal.product_id !== tick.product_id) return row.product_id === null ? "key" : null;
      // Their consumer keeps the first or the last record of an id, not one or the other.
      return this.#rules.replaces && equal === others.at(-1) ? "W3" : null;
    }
    if (!this.#fits(row, tick)) return null;
    return differences.every(({ column }) => column === "time") ? "W7" : "W1";
  }

  /** Whether the row is this record by the rules that all rows follow. */
  #fits(row: Row, of: Candidate): boolean {
    return tradeCells(row, of, this.table, this.#rules).length === 0;
  }

  #withoutTick(row: Row): void {
    const refused = this.log.with(row.trade_id ?? "").find((each) => this.#fits(row, each));
    if (refused !== undefined) {
      this.#note(refused);
      this.#add(
        "surplus",
        row,
        refused,
        "W5",
        `Record ${row.trade_id} is not a trade: ${refused.record.reason ?? "its product differs"}.`,
      );
      return;
    }
    const whole = this.#rules.wrapped.get(row.trade_id ?? "")?.find((each) => this.#fits(row, each));
    if (whole === undefined) {
      this.#add("surplus", row, null, null, `The log has no trade ${row.trade_id}.`);
      return;
    }
    this.#note(whole);
    this.#add("altered", row, whole, "W6", `${row.trade_id} is trade ${whole.id} in 32 bits.`);
  }

  #note(candidate: Candidate): void {
    this.#found[candidate.key_number] = 1;
    if (candidate.isTick && !candidate.hasQuotes) this.#hasUnquoted = true;
    this.#first = Math.min(this.#first, candidate.index);
    this.#last = Math.max(this.#last, candidate.index);
  }

  /** Trades without a row, after all rows were judged. */
  missing(): void {
    const skipsQuotes = this.#skipsQuotes();
    this.#merges = this.#totals.equal + this.#totals.altered < this.log.ticks.length ? this.#mergesOfAll() : null;
    for (const tick of this.log.ticks) {
      if (this.#found[tick.key_number] === 1) continue;
      const reason = this.#whyMissing(tick, skipsQuotes);
      this.#add("missing", null, tick, reason, missingText(tick, reason));
    }
  }

  /** Of what the table has read: a trade after its newest one may come yet. */
  #mergesOfAll(): Merges<Candidate> | null {
    const read = this.log.ticks.filter(({ index }) => index >= this.#first && index <= this.#last);
    return mergesOf(read, ({ key_number }) => this.#found[key_number] === 1);
  }

  #whyMissing(tick: Candidate, skipsQuotes: boolean): AnswerReason | null {
    const hasColumn = this.table.rows[0]?.product_id != null;
    const others = this.log.with(tick.id);
    if (
      !hasColumn &&
      others.some((other) => other.product_id !== tick.product_id && this.#found[other.key_number] === 1)
    )
      return "key";
    if (skipsQuotes && !tick.hasQuotes) return "quotes";
    if (tick.index < this.#first) return "W10";
    if (this.#merges?.missing.has(tick)) return "W13";
    return tick.index > this.#last ? "behind" : null;
  }

  /** Whether the table has no message without quotes at all, although it has columns for them. */
  #skipsQuotes(): boolean {
    const isColumn = this.table.columns.some(({ name }) => name === "best_bid" || name === "best_ask");
    return isColumn && !this.#hasUnquoted;
  }

  #add(
    what: TradeVerdict["what"],
    row: Row | null,
    of: Candidate | null,
    reason: AnswerReason | null,
    why: string,
    differences: TradeVerdict["differences"] = [],
  ): void {
    this.#totals[what]++;
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    const named = this.#verdicts.get(reason) ?? [];
    this.#verdicts.set(reason, named);
    if (named.length === TRADE_VERDICTS_MAX) return;
    const position = of === null ? null : { partition: of.record.partition, offset: of.record.offset };
    const trade_id = row?.trade_id ?? of?.id ?? "null";
    const product_id = row?.product_id ?? of?.product_id ?? null;
    named.push({ trade_id, product_id, what, reason, differences, position, where: row?.where ?? null, why });
  }

  report(): TradesReport {
    const unexplained = this.#counts.get(null) ?? 0;
    const consistent = this.#counts.get("behind") ?? 0;
    const explained = [...this.#counts].flatMap(([reason, trades]) => (reason === null ? [] : [{ reason, trades }]));
    return {
      kind: "trades",
      trades: [...(this.#verdicts.get(null) ?? []), ...explained.flatMap(({ reason }) => this.#verdicts.get(reason)!)],
      how: [
        ...this.#rules.how,
        ...(this.#merges === null
          ? []
          : [`Trades with the same ${this.#merges.key} are one row, the ${this.#merges.keeps} (W13).`]),
      ],
      columns: this.table.columns,
      ignored: this.table.ignored,
      totals: {
        rows: this.table.rows.length,
        expected: this.log.ticks.length,
        ...this.#totals,
        unexplained,
        consistent,
        by_reason: explained,
      },
    };
  }
}

function missingText({ id, record }: Candidate, reason: AnswerReason | null): string {
  const place = `offset ${record.offset} of partition ${record.partition}`;
  if (reason === null) return `Trade ${id} at ${place} is missing, although trades before and after it are there.`;
  if (reason === "W10") return `Trade ${id} at ${place} is before the first that the table has.`;
  if (reason === "W13") return `Trade ${id} at ${place} was merged with another.`;
  return `Trade ${id} at ${place} is missing: ${OTHER_REASONS[reason as keyof typeof OTHER_REASONS]}.`;
}
