/** What the main chart writes: readout, table, label of the horizon, addresses of windows. */
import { isoFromUs } from "../../scripts/base/iso.ts";
import { windowAddress } from "../../scripts/contract/page-address.ts";
import type { Outcome, RunMark } from "../../scripts/contract/page-events.ts";
import { clockOf, dayOf, decimals } from "./chart-axis.ts";
import type { ChartTable } from "./chart-dom.ts";
import type { Field } from "./chart-frame.ts";
import type { Bucket, Candle } from "./main-chart-buckets.ts";
import { VIEW_WINDOWS_MAX } from "./main-chart-view.ts";

/** What words depend on: the windows' product, size (`1m`, and seconds) and the reader's time zone. */
export interface WordsOf {
  product: string;
  window: string;
  size_s: number;
  zone: string;
}

/** Each outcome's sign, so that none is known by its colour alone, and its word. */
export const OUTCOMES: Record<Outcome, { sign: string; word: string }> = {
  equal: { sign: "✓", word: "equal" },
  explained: { sign: "▲", word: "explained" },
  unexplained: { sign: "≠", word: "differs" },
  pending: { sign: "…", word: "pending" },
  unread: { sign: "–", word: "not read yet" },
  history: { sign: "«", word: "history" },
  open: { sign: "○", word: "open" },
};
/** Rows of the table; the whole is in the exports. */
const TABLE_ROWS_MAX = 500;
const NONE = "–";

/** Two digits after the point in sight, more for small values; all are on the window's page. */
export function price(value: number | null | undefined): string {
  if (value == null) return NONE;
  const size = Math.abs(value);
  if (size >= 10 || size === 0) return decimals(value, 2);
  return decimals(value, Math.min(10, 3 - Math.floor(Math.log10(size))));
}

const count = (value: number | undefined) => (value === undefined ? NONE : decimals(value, 0));

/** `16:54–16:55`. */
export function spanOf({ from_s, to_s }: Pick<Bucket, "from_s" | "to_s">, { size_s, zone }: WordsOf): string {
  const withSeconds = size_s < 60 || size_s % 60 !== 0;
  return `${clockOf(from_s, zone, withSeconds)}–${clockOf(to_s, zone, withSeconds)}`;
}

/** The outcome in words: `▲ 3 late ticks explain it`; of several windows the worst: `≠ 1 of 5 differs`. */
export function outcomeText({ outcome, outcomes, late, windows }: Bucket): string {
  const { sign, word } = OUTCOMES[outcome];
  if (windows > 1) return `${sign} ${outcomes[outcome] ?? 0} of ${windows} ${word}`;
  if (outcome !== "explained") return `${sign} ${word}`;
  return late === 1 ? `${sign} 1 late tick explains it` : `${sign} ${late} late ticks explain it`;
}

/** The pipeline that lacks windows of a bucket, whose sums are not shown; "": neither, or one has none. */
function lackText({ has, windows }: Bucket): string {
  const lacking = has.batch < windows ? "batch" : "stream";
  return has.stream === 0 || has.batch === 0 || has[lacking] === windows
    ? ""
    : `${lacking}: ${has[lacking]} of ${windows} windows`;
}

/** The readout of a bucket; null: there is none. */
export function fieldsOf(bucket: Bucket | null, of: WordsOf): Field[] {
  const stream = bucket?.stream;
  const batch = bucket?.batch;
  const only = bucket !== null && stream == null && batch != null ? " (batch only)" : "";
  const shown: Candle | null | undefined = stream ?? batch;
  return [
    [
      bucket !== null && bucket.windows > 1 ? lackText(bucket) || `${bucket.windows} windows` : "Window",
      bucket === null ? NONE : spanOf(bucket, of) + only,
    ],
    ["Open", price(shown?.open)],
    ["High", price(shown?.high)],
    ["Low", price(shown?.low)],
    ["Close", price(shown?.close)],
    ["Trades", count(shown?.trades)],
    ["vwap stream", price(stream?.vwap)],
    ["vwap batch", price(batch?.vwap)],
    ["Vol. stream", price(stream?.volume)],
    ["Vol. batch", price(batch?.volume)],
    ["Agree?", bucket === null ? NONE : outcomeText(bucket)],
  ];
}

/** The shown windows, the newest first. */
export function tableRows(buckets: readonly Bucket[], of: WordsOf): ChartTable {
  const shown = buckets.slice(-TABLE_ROWS_MAX).reverse();
  const rows = shown.map((bucket) => {
    const [span, ...values] = fieldsOf(bucket, of).map(([, value]) => value);
    const lack = lackText(bucket);
    return [dayOf(bucket.from_s, of.zone), lack === "" ? span! : `${span} (${lack})`, ...values];
  });
  const step = Math.max(1, ...shown.map(({ windows }) => windows));
  const notes = [
    ...(shown.length < buckets.length ? [`the newest ${shown.length} of ${buckets.length} rows`] : []),
    ...(step > 1 ? [`a row has up to ${step} windows of ${of.window}: zoom in for each of them`] : []),
  ];
  return { head: [`Day, ${of.zone}`, ...fieldsOf(null, of).map(([label]) => label)], rows, note: notes.join("; ") };
}

/** What a reader can't see: that a candle is more than one window, that `all` is not all. */
export function noteOf(buckets: readonly Bucket[], isCut: boolean): string {
  const windows = Math.max(1, ...buckets.map((bucket) => bucket.windows));
  return [
    ...(windows > 1 ? [`each candle: up to ${windows} windows`] : []),
    ...(isCut ? [`the newest ${decimals(VIEW_WINDOWS_MAX, 0)} windows, drag for older ones`] : []),
  ].join(" · ");
}

/** `4.1 s`, `2 min 5 s`, `3 h 12 min`. */
export function ageText(ms: number): string {
  const s = Math.max(0, ms) / 1000;
  if (s < 60) return `${s.toFixed(1)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** `batch knows until 16:54:52 (run 23, 4.1 s ago)`; `short` for a narrow chart. */
export function horizonText(
  horizon_s: number,
  run: Pick<{ id: RunMark[0]; ended_s: RunMark[1] | null }, "id" | "ended_s">,
  now_ms: number,
  zone: string,
  short: boolean,
): string {
  const ago = run.ended_s === null ? "" : `, ${ageText(now_ms - run.ended_s * 1000)} ago`;
  return `batch ${short ? "until" : "knows until"} ${clockOf(horizon_s, zone, true)} (run ${run.id}${ago})`;
}

/** The address of a window's page. */
export function windowLink(start_s: number, { product, window }: Pick<WordsOf, "product" | "window">): string {
  return windowAddress(product, window, isoFromUs(Math.round(start_s * 1e6)));
}
