/** Small engines of other kinds for the audit: they share no arithmetic and no parser with it. */
import { type Answers, AUDIT_COLUMNS, type AuditRecord, type SparkTrace } from "../../scripts/audit/audit-types.ts";
import { cellsOf, type EngineSettings, type ForeignWindow, MINUTE, type Trade } from "./foreign-rows.ts";

export function runEngine(
  trades: readonly Trade[],
  settings: EngineSettings,
): { windows: ForeignWindow[]; trace: SparkTrace } {
  const { late, from = 0 } = settings;
  const windows = new Map<string, ForeignWindow>();
  const seen = new Map<string, number>();
  const marks = new Map<string, number>();
  const closedBy = new Map<string, number>();
  const batches: SparkTrace["batches"] = [];
  const ends = new Map<number, number>();
  let [previous, current, greatest] = [0, 0, 0];
  for (let i = from; i < trades.length; i++) {
    const trade = trades[i]!;
    const batch = late.by === "batches" ? Math.floor((i - from) / late.records) : 0;
    if (late.by === "batches" && (i - from) % late.records === 0) {
      if (i > from) {
        batches.push({ batch: batch - 1, watermark_ms: current / 1_000, ends: new Map(ends) });
        previous = current;
        current = Math.max(current, Math.floor((greatest - late.delay) / 1_000) * 1_000, 0);
      }
    }
    ends.set(trade.partition, trade.offset + 1);
    if (trade.isRefused && !settings.nulls) continue;
    greatest = Math.max(greatest, trade.time);
    const scope = late.by === "records" && late.scope === "partition" ? `p${trade.partition}` : trade.product;
    if (late.by === "records" && late.lostAt === i) marks.clear();
    marks.set(scope, Math.max(marks.get(scope) ?? 0, trade.time));
    const start = Math.floor((settings.placed?.(trade.time) ?? trade.time) / MINUTE) * MINUTE;
    const bound = late.by === "batches" ? previous : late.by === "records" ? marks.get(scope)! - late.delay : 0;
    closedBy.set(trade.product, late.by === "batches" ? 0 : Math.max(closedBy.get(trade.product) ?? 0, bound));
    const id = settings.same?.(trade) ?? `${trade.product} ${settings.ids === "wrapped" ? trade.id | 0 : trade.id}`;
    if (settings.repeats === "first" && seen.has(id)) continue;
    const isLate = late.by === "batches" && late.rows ? trade.time <= bound : start + MINUTE <= bound;
    if (isLate) continue;
    if (settings.repeats === "last" && seen.has(id)) drop(windows, seen.get(id)!);
    seen.set(id, i);
    const key = `${trade.product} ${start}`;
    const window = windows.get(key) ?? { product: trade.product, start, cells: {}, trades: [], groups: [] };
    windows.set(key, window);
    window.trades.push(i);
    window.groups.push(batch * 16 + trade.partition);
  }
  const lastMark = late.by === "batches" ? Math.max(current, Math.floor((greatest - late.delay) / 1_000) * 1_000) : 0;
  if (late.by === "batches") {
    const batch = batches.length;
    // The last data batch, then one without data that applies the new watermark.
    batches.push({ batch, watermark_ms: current / 1_000, ends: new Map(ends) });
    batches.push({ batch: batch + 1, watermark_ms: lastMark / 1_000, ends: new Map(ends) });
  }
  const isShown = (one: ForeignWindow) =>
    one.trades.length > 0 &&
    (!settings.append || one.start + MINUTE <= (late.by === "batches" ? lastMark : (closedBy.get(one.product) ?? 0)));
  const begins = new Map<number, number>();
  for (const trade of trades.slice(from)) if (!begins.has(trade.partition)) begins.set(trade.partition, trade.offset);
  return {
    windows: [...windows.values()]
      .filter(isShown)
      .map((window) => ({ ...window, cells: cellsOf(trades, window, settings) })),
    trace: { batches, begins },
  };
}

function drop(windows: Map<string, ForeignWindow>, i: number): void {
  for (const window of windows.values()) {
    const at = window.trades.indexOf(i);
    if (at === -1) continue;
    window.trades.splice(at, 1);
    window.groups.splice(at, 1);
  }
}

export function answersOf(windows: readonly ForeignWindow[], settings: EngineSettings, shift = 0): Answers {
  const names = AUDIT_COLUMNS.filter((name) => windows.some(({ cells }) => name in cells));
  return {
    rows: windows.map(({ product, start, cells }, at) => ({
      window_start_us: start - shift,
      window_end_us: start + MINUTE - shift,
      product_id: product,
      cells,
      where: `row ${at + 1}`,
    })),
    columns: names.map((name) => ({
      name,
      theirs: name,
      type: settings.numbers === "decimal" ? "decimal" : "untyped",
    })),
    ignored: [],
    superseded: [],
    uncommitted: [],
    shape: {
      size_us: MINUTE,
      every_us: MINUTE,
      offset_us: 0,
      shift_us: shift,
      zone: shift === 0 ? "UTC" : null,
      hasZone: false,
    },
  };
}

/** The same input as the audit takes it. */
export function recordsOf(trades: readonly Trade[]): AuditRecord[] {
  return trades.map((trade, i) => {
    const at = { partition: trade.partition, offset: trade.offset, appended_us: MINUTE * 30_000_000 + i };
    if (trade.isRefused) {
      const raw = {
        product_id: trade.product,
        trade_id: String(trade.id),
        time: new Date(trade.time / 1_000)
          .toISOString()
          .replace("Z", `${String(trade.time % 1_000).padStart(3, "0")}Z`),
        price: trade.price,
        last_size: trade.size,
        side: trade.side,
      };
      return { ...at, tick: null, reason: `price is "${trade.price}"`, raw };
    }
    const [price, size] = [digitsOf(trade.price), digitsOf(trade.size)];
    const tick = {
      product_id: trade.product,
      trade_id: trade.id,
      time_us: trade.time,
      price_mantissa: price.mantissa,
      price_scale: price.scale,
      size_mantissa: size.mantissa,
      size_scale: size.scale,
      side: trade.side,
      best_bid: null,
      best_ask: null,
      source: "feed" as const,
    };
    return { ...at, tick, reason: null, raw: null };
  });
}

function digitsOf(text: string): { mantissa: number; scale: number } {
  const [whole, fraction = ""] = text
    .replace(/(\.\d*?)0+$/, "$1")
    .replace(/\.$/, "")
    .split(".");
  return { mantissa: Number(whole! + fraction), scale: fraction.length };
}
