/** What the witness found: as totals, and as text for people. */
import { isoSecondFromUs } from "../base/iso.ts";
import { CANDLE_US } from "../contract/candle.ts";
import { type MinuteVerdict, type NamedIds, WITNESS_RULES, type WitnessRule } from "./witness-minute.ts";

export interface WitnessReport {
  product: string;
  /** The exchange's REST address. */
  exchange: string;
  /** False: the stored ids are made up, so that only candles were compared. */
  has_ids: boolean;
  from_us: number;
  to_us: number;
  /** By start; those of `unchecked` are absent. */
  minutes: MinuteVerdict[];
  /** Minutes with ticks that the stream has not closed, does not keep, or has before consume has. */
  streamless: number;
  /** From where on nothing was compared, and why; null: all was. */
  unchecked: { from_us: number; why: string } | null;
}

/** Minutes counted once, each explained one under its first rule. */
export function witnessTotals({ minutes, from_us, to_us }: WitnessReport) {
  const of = (outcome: MinuteVerdict["outcome"]) => minutes.filter((minute) => minute.outcome === outcome);
  const explained = of("explained");
  const by_rule = (Object.keys(WITNESS_RULES) as WitnessRule[])
    .map((rule) => {
      const found = explained.filter(({ rules }) => firstOf(rules) === rule);
      const ids = found.flatMap((minute) => minute.ids).filter(({ what }) => what === rule);
      return { rule, minutes: found.length, ids: ids.reduce((sum, { count }) => sum + count, 0) };
    })
    .filter(({ minutes }) => minutes > 0);
  return {
    minutes: minutes.length,
    equal: of("equal").length,
    empty: of("empty").length,
    explained: explained.length,
    unexplained: of("unexplained").length,
    unchecked: (to_us - from_us) / CANDLE_US - minutes.length,
    by_rule,
  };
}

function firstOf(rules: readonly WitnessRule[]): WitnessRule | undefined {
  return (Object.keys(WITNESS_RULES) as WitnessRule[]).find((rule) => rules.includes(rule));
}

/** The report as `--json` prints it (docs/json.md). */
export function witnessJson(report: WitnessReport): object {
  const { product, exchange, has_ids, from_us, to_us, minutes, streamless, unchecked } = report;
  return {
    product,
    exchange,
    has_ids,
    from: isoSecondFromUs(from_us),
    to: isoSecondFromUs(to_us),
    totals: witnessTotals(report),
    streamless,
    unchecked: unchecked === null ? null : { from: isoSecondFromUs(unchecked.from_us), why: unchecked.why },
    minutes: minutes.map(({ start_us, outcome, rules, differences, ids, why }) => ({
      start: isoSecondFromUs(start_us),
      ...{ outcome, rules, differences, ids, why },
    })),
  };
}

/** The summary, then each minute that differs. */
export function witnessText(report: WitnessReport): string {
  const { product, exchange, has_ids, from_us, to_us, minutes, streamless, unchecked } = report;
  const totals = witnessTotals(report);
  const lines = [`${product}, ${isoSecondFromUs(from_us)} to ${isoSecondFromUs(to_us)}, against ${exchange}`];
  const parts = [`${totals.equal} equal`];
  if (totals.empty > 0) parts.push(`${totals.empty} without a trade on either side`);
  for (const { rule, minutes, ids } of totals.by_rule)
    parts.push(`${minutes} explained: ${WITNESS_RULES[rule]}${ids > 0 ? ` (${plural(ids, "id")})` : ""}`);
  parts.push(`${totals.unexplained} unexplained`);
  lines.push(`${plural(totals.minutes, "minute")}: ${parts.join("; ")}`);
  if (!has_ids)
    lines.push("The ids of this recording are made up: only candles were compared, not the exchange's own trades.");
  if (streamless > 0)
    lines.push(
      `Of ${plural(streamless, "minute")} the stream has no closed window of 1m (of history it has none), or is ahead of consume: stored ticks only.`,
    );
  if (unchecked !== null)
    lines.push(
      `The exchange gave no further answer (${unchecked.why}). Not checked: ${plural(totals.unchecked, "minute")} from ${isoSecondFromUs(unchecked.from_us)}.`,
    );
  return `${[...lines, ...differingLines(minutes)].join("\n")}\n`;
}

/** Each minute that differs: every unexplained one, and the first of the others. */
function differingLines(minutes: readonly MinuteVerdict[]): string[] {
  const unstored = Map.groupBy(minutes.filter(isUnstored), ({ why }) => why);
  const explained = minutes.filter((minute) => minute.outcome === "explained" && !isUnstored(minute));
  const shown = new Set(explained.slice(0, EXPLAINED_MAX));
  const lines = minutes
    .filter((minute) => minute.outcome === "unexplained" || shown.has(minute))
    .flatMap((minute) => ["", ...minuteLines(minute)]);
  const more = explained.length - shown.size;
  if (more > 0) lines.push("", `${plural(more, "minute")} more explained: --json has all`);
  for (const [why, of] of unstored) {
    const [first, last] = [of[0]!, of.at(-1)!].map(({ start_us }) => isoSecondFromUs(start_us));
    lines.push("", `${first} to ${last}  ${WITNESS_RULES.not_stored}`, `  ${plural(of.length, "minute")}. ${why}`);
  }
  return lines;
}

/** Explained minutes that are printed, at most. */
const EXPLAINED_MAX = 50;

/** Nothing of it is stored, because it is beyond what is. */
function isUnstored({ rules, ids, outcome }: MinuteVerdict): boolean {
  return outcome === "explained" && ids.length === 0 && rules.length === 1 && rules[0] === "not_stored";
}

function minuteLines({ start_us, outcome, rules, differences, ids, why }: MinuteVerdict): string[] {
  const named = outcome === "unexplained" ? "unexplained" : rules.map((rule) => WITNESS_RULES[rule]).join("; ");
  const columns = ["", "candle", "stored", "final row", "last revision"];
  const rows = differences.map((one) => [one.column, one.candle, one.stored, one.final, one.last]);
  const cells = [columns, ...rows].map((row) => row.map((cell) => cell ?? "–"));
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  const table = cells.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join("  ")
      .trimEnd(),
  );
  return [
    `${isoSecondFromUs(start_us)}  ${named}`,
    `  ${why}`,
    ...table.map((line) => `  ${line}`),
    ...ids.map((one) => `  ${NAMES[one.what]}: ${rangesText(one)}`),
  ];
}

const NAMES: Record<NamedIds["what"], string> = {
  lacking: "not stored",
  late: "late",
  unissued: "never issued, both neighbours are on one page of REST",
  changed: "other content at the exchange now",
  gone: "not at the exchange now",
  not_read: "not of the stream",
};

/** Ranges that are shown; --json has all. */
const RANGES_MAX = 20;

/** `5, 7 to 9`. */
function rangesText({ ranges }: NamedIds): string {
  const shown = ranges.slice(0, RANGES_MAX).map(([lo, hi]) => (lo === hi ? `${lo}` : `${lo} to ${hi}`));
  const rest = ranges.length - shown.length;
  return `${shown.join(", ")}${rest > 0 ? `, and ${plural(rest, "range")} more: --json has all` : ""}`;
}

function plural(count: number, what: string): string {
  return `${String(count).replace(/\B(?=(\d{3})+$)/g, ",")} ${what}${count === 1 ? "" : "s"}`;
}
