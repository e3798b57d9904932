/** The audit of the replaced pipeline's batch: each row against its part of the log. */
import type { AuditRecord } from "../audit-types.ts";
import { hinted } from "./batch-hints.ts";
import {
  BATCH_COLUMNS,
  type BatchColumn,
  BatchTable,
  fitOf,
  inDoubles,
  ORDERS,
  QUICK_COLUMNS,
  shownValue,
  wrongOf,
} from "./batch-values.ts";
import {
  type Candidate,
  type Consumer,
  candidatesOf,
  consumersOf,
  EXACT,
  endsOf,
  startOf,
  tableAfter,
} from "./consumed.ts";
import { isMerging, MERGED_MIN } from "./consumed-keys.ts";
import type { AnswerReason, BatchRow, BatchRowReport, BatchRows, BatchRowVerdict } from "./other-kinds.ts";

/** One consumer over one part of the candidates, from `from` up to `to` (exclusive). */
interface Reading {
  consumer: Consumer;
  from: number;
  to: number;
}

interface Judged {
  row: BatchRow;
  reading: Reading;
  /** Columns that the reading does not reproduce. */
  wrong: BatchColumn[];
}

/**
 * Each row answers for a table that a consumer had filled with the first `trade_count` trades of the
 * log. One consumer is chosen for all rows: the one that reproduces the most, with the fewest
 * mistakes. Sums of doubles may be in any order, so they count within n × 2^-52.
 */
export function auditBatchRow(records: readonly AuditRecord[], answer: BatchRows): BatchRowReport {
  const all = candidatesOf(records);
  const columns = answer.columns.filter(({ name }) => isBatchColumn(name));
  const names = columns.map(({ name }) => name as BatchColumn);
  const ignored = answer.columns.filter(({ name }) => !isBatchColumn(name)).map(({ theirs }) => theirs);
  let best: { consumer: Consumer; rows: Judged[]; wrong: number } | null = null;
  for (const consumer of consumersOf(all)) {
    // Merging only takes rows away: most tables have too many for it.
    if (isMerging(consumer.key) && answer.rows.every((row) => partsIn(row, consumer, all).length === 0)) continue;
    const rows = answer.rows.map((row) => judged(row, consumer, all, names));
    const wrong = rows.filter((row) => row.wrong.length > 0).length;
    if (best === null || wrong < best.wrong || (wrong === best.wrong && isNearer(rows, best.rows)))
      best = { consumer, rows, wrong };
    if (wrong === 0) break;
  }
  const rows = best!.rows
    .map((row) => verdict(row, all, names))
    .map((one, i) =>
      one.outcome === "unexplained"
        ? { ...one, why: hinted(one.why, answer.rows[i]!, best!.consumer, all, names) }
        : one,
    );
  return {
    kind: "batch_row",
    rows,
    how: [described(best!.consumer), `It reproduces ${rows.length - best!.wrong} of ${rows.length} rows.`],
    columns,
    ignored: [...answer.ignored, ...ignored],
    totals: {
      rows: rows.length,
      equal: rows.filter(({ outcome }) => outcome === "equal").length,
      unexplained: rows.filter(({ outcome }) => outcome === "unexplained").length,
      by_reason: counted(
        rows.flatMap(({ outcome, reasons }) =>
          outcome === "explained" || outcome === "consistent" ? [reasons[0]!] : [],
        ),
      ),
      uncommitted_rows: answer.uncommitted.length,
    },
  };
}

function isBatchColumn(name: string): name is BatchColumn {
  return (BATCH_COLUMNS as readonly string[]).includes(name);
}

function isNearer(rows: readonly Judged[], others: readonly Judged[]): boolean {
  const count = (all: readonly Judged[]) => all.reduce((sum, { wrong }) => sum + wrong.length, 0);
  return count(rows) < count(others);
}

function counted(reasons: readonly AnswerReason[]): { reason: AnswerReason; rows: number }[] {
  return [...Map.groupBy(reasons, (reason) => reason)].map(([reason, own]) => ({ reason, rows: own.length }));
}

/** The reading of this consumer that fits the row best: parts after which its table has as many rows. */
function judged(row: BatchRow, consumer: Consumer, all: readonly Candidate[], names: readonly BatchColumn[]): Judged {
  const parts = partsOf(row, consumer, all);
  let best: Judged | null = null;
  for (const part of parts) {
    const reading = { consumer, ...part };
    const wrong = wrongOf(row, valuesOf(reading, all), names);
    if (best === null || wrong.length < best.wrong.length) best = { row, reading, wrong };
    if (wrong.length === 0) break;
  }
  return best!;
}

interface Part {
  from: number;
  to: number;
}

/** Without a count that fits: all of the log. */
function partsOf(row: BatchRow, consumer: Consumer, all: readonly Candidate[]): Part[] {
  const parts = partsIn(row, consumer, all);
  return parts.length > 0 ? parts : [{ from: 0, to: all.length }];
}

/** Read from the start, or (W10) from later to the end. */
function partsIn(row: BatchRow, consumer: Consumer, all: readonly Candidate[]): Part[] {
  const count = Number(row.cells.trade_count ?? Number.NaN);
  if (!Number.isSafeInteger(count)) return [];
  const parts = endsOf(consumer, all, count).map((to) => ({ from: 0, to }));
  const start = startOf(consumer, all, count);
  if (start !== null && start > 0) parts.push({ from: start, to: all.length });
  return parts;
}

function valuesOf({ consumer, from, to }: Reading, all: readonly Candidate[]): BatchTable {
  return new BatchTable(tableAfter(consumer, all, from, to));
}

/** The choices in which a reading differs from an exact one, each alone undone. */
function mistakesOf(reading: Reading): { reason: AnswerReason; without: Reading }[] {
  const { consumer, from } = reading;
  const changed = (choice: Partial<Consumer>) => ({ ...reading, consumer: { ...consumer, ...choice } });
  return [
    ...(from > 0 ? [{ reason: "W10" as const, without: { ...reading, from: 0 } }] : []),
    ...(consumer.repeats === EXACT.repeats
      ? []
      : [{ reason: "W3" as const, without: changed({ repeats: EXACT.repeats }) }]),
    ...(consumer.malformed === EXACT.malformed
      ? []
      : [{ reason: "W5" as const, without: changed({ malformed: EXACT.malformed }) }]),
    ...(consumer.key === EXACT.key
      ? []
      : [
          {
            reason: isMerging(consumer.key) ? ("W13" as const) : ("key" as const),
            without: changed({ key: EXACT.key }),
          },
        ]),
    ...(consumer.quotes === EXACT.quotes
      ? []
      : [{ reason: "quotes" as const, without: changed({ quotes: EXACT.quotes }) }]),
  ];
}

function verdict(
  { row, reading, wrong }: Judged,
  all: readonly Candidate[],
  names: readonly BatchColumn[],
): BatchRowVerdict {
  const exact = valuesOf({ consumer: EXACT, from: 0, to: reading.to }, all);
  const own = valuesOf(reading, all);
  const mistakes = mistakesOf(reading).map(({ reason, without }) => ({ reason, values: valuesOf(without, all) }));
  const differences = names.flatMap((column): BatchRowVerdict["differences"] => {
    const theirs = row.cells[column] ?? null;
    const fit = fitOf(theirs, own.value(column));
    if (fit === "equal" && fitOf(theirs, exact.value(column)) === "equal") return [];
    const shown = { column, theirs, exact: shownValue(exact.value(column)) };
    // Where one column does not fit, the reading is not theirs: it explains no other column.
    if (wrong.length > 0) return [{ ...shown, reasons: [] }];
    const broken = mistakes
      .filter(({ values }) => fitOf(theirs, values.value(column)) === null)
      .map(({ reason }) => reason);
    const isExact = fitOf(theirs, exact.value(column)) !== null;
    // Where each mistake alone hides the other, all of them are why.
    const reasons = broken.length > 0 || isExact ? broken : mistakes.map(({ reason }) => reason);
    return [{ ...shown, reasons: [...reasons, ...(fit === "float" ? (["W1"] as const) : [])] }];
  });
  const reasons = [...new Set(differences.flatMap(({ reasons }) => reasons))];
  const loose = wrong.length > 0 ? [] : looseSums(row, reading, all, differences);
  const isAlone = reasons.includes("W13") && mergedIn(reading, all) < MERGED_MIN;
  const explained = loose.length > 0 || isAlone ? "consistent" : "explained";
  const outcome = wrong.length > 0 ? "unexplained" : differences.length === 0 ? "equal" : explained;
  const [first, last] = [all[reading.from]?.record, all[reading.to - 1]?.record];
  const place = ({ partition, offset }: AuditRecord) => ({ partition, offset });
  const read = outcome === "unexplained" || !first || !last ? null : { from: place(first), to: place(last) };
  return {
    where: row.where,
    outcome,
    reasons,
    differences,
    read,
    why: isAlone
      ? "One trade is merged with another: a lost one looks the same."
      : whyOf(outcome, reading, wrong.length > 0 ? wrong : loose, last),
  };
}

/** Trades that only the reading's own key leaves out. */
function mergedIn({ consumer, from, to }: Reading, all: readonly Candidate[]): number {
  const rows = tableAfter({ ...consumer, key: EXACT.key }, all, from, to);
  return rows.length - tableAfter(consumer, all, from, to).length;
}

/**
 * Sums of one pass are added in one order. Where an order makes some of them bit for bit, these are
 * the others, which only another order could make.
 */
function looseSums(
  { cells }: BatchRow,
  { consumer, from, to }: Reading,
  all: readonly Candidate[],
  differences: BatchRowVerdict["differences"],
): BatchColumn[] {
  const floats = differences.filter(({ reasons }) => reasons.includes("W1")).map(({ column }) => column as BatchColumn);
  const sums = floats.filter((column) => !QUICK_COLUMNS.has(column));
  if (sums.length < 2) return [];
  const rows = tableAfter(consumer, all, from, to);
  const loose = ORDERS.map((order) => {
    const doubles = inDoubles(rows, order);
    return sums.filter((column) => Number(cells[column]) !== doubles.get(column));
  });
  const fewest = loose.reduce((a, b) => (b.length < a.length ? b : a));
  return fewest.length === sums.length ? [] : fewest;
}

function whyOf(
  outcome: BatchRowVerdict["outcome"],
  { from }: Reading,
  wrong: readonly BatchColumn[],
  last: AuditRecord | undefined,
): string {
  if (outcome === "unexplained") {
    const quick = wrong.filter((name) => QUICK_COLUMNS.has(name));
    const named = quick.length > 0 ? quick : wrong;
    const is = named.length === 1 ? "is" : "are";
    return `No part of the log has a table with these values: ${named.join(", ")} ${is} not reproduced.`;
  }
  if (outcome === "consistent")
    return `${wrong.join(", ")}: only another order of adding than that of the other sums makes these digits.`;
  const begin = from === 0 ? "from its start" : "from a later offset";
  return `It answers for the log ${begin} to offset ${last?.offset ?? 0} of partition ${last?.partition ?? 0}.`;
}

const MALFORMED = {
  skipped: "skips what is not a trade",
  numbers: "stores what is not a trade if its numbers are numbers (W5)",
  nulls: "stores what is not a trade with nulls (W5)",
};
const REPEATS = {
  first: "keeps the first record of a repeated id",
  last: "replaces the first record of a repeated id (W3)",
  all: "stores each repeat (W3)",
};

function described({ malformed, repeats, key, quotes }: Consumer): string {
  const parts = [MALFORMED[malformed], REPEATS[repeats]];
  if (key === "id") parts.push("takes an id of another product for a repeat");
  if (isMerging(key)) parts.push(`takes a trade with the ${key} of another for a repeat (W13)`);
  if (quotes) parts.push("skips messages without quotes");
  return `The consumer that fits ${parts.join(", ")}.`;
}
