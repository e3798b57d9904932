/** One window computed again from its ticks alone, by the window job, and compared with what is stored. */
import type { Tick } from "../contract/tick.ts";
import type { WindowRow, WindowSpec } from "../contract/window.ts";
import {
  COMPARED_COLUMNS,
  type ComparedColumn,
  type WindowDetail,
  type WindowValues,
} from "../contract/window-explained.ts";
import { fraction } from "./aggregate.ts";
import { WindowJob } from "./job.ts";
import type { StateSource } from "./state.ts";

/** A tick as a store or an answer has it. */
interface StoredTick {
  trade_id: number;
  time_us: number;
  price: string;
  last_size: string;
  side: "buy" | "sell";
}

/** Nothing was stored before. */
const EMPTY: StateSource = {
  product: () => undefined,
  closed: () => undefined,
  openWindows: () => [],
  closedWindow: () => undefined,
  nextClosed: () => undefined,
  seenBlock: () => undefined,
  seenBlocks: () => [],
  unissued: () => [],
  closedOver: () => [],
};
/** No tick is late or skewed: who was late is known. In microseconds, of which 2,500 years fit. */
const NEVER_US = 2 ** 51;

/** The window of these ticks, in any order, as the stream would store it; null without a tick in it. */
function recompute(
  product_id: string,
  spec: WindowSpec,
  start_us: number,
  ticks: readonly StoredTick[],
): WindowRow | null {
  const job = new WindowJob({ windows: [spec], lateness_us: NEVER_US, max_skew_us: NEVER_US }, EMPTY);
  for (const [offset, tick] of ticks.entries())
    job.tick(tickOf(product_id, tick), { partition: 0, offset, appended_us: tick.time_us });
  job.flush([product_id]);
  return job.take().closed.find(({ window_start_us }) => window_start_us === start_us) ?? null;
}

function tickOf(product_id: string, { price, last_size, ...tick }: StoredTick): Tick {
  const [p, s] = [fraction(price), fraction(last_size)];
  return {
    ...tick,
    product_id,
    price_mantissa: p.mantissa,
    price_scale: p.scale,
    size_mantissa: s.mantissa,
    size_scale: s.scale,
  };
}

/** A side of a window against its ticks. */
export interface Recomputed {
  side: "stream" | "batch";
  ticks: number;
  /** In every column; null: that side has no such window, or not all its ticks are stored. */
  is_equal: boolean | null;
  columns: { column: ComparedColumn; stored: string | null; computed: string | null; is_equal: boolean }[];
}

type Compared = Pick<WindowDetail, "product" | "start_us" | "size_us" | "every_us" | "columns"> & {
  ticks: {
    is_behind: boolean;
    rows: readonly (Omit<StoredTick, "time_us"> & {
      time: string;
      source: string;
      is_late: boolean;
      in_batch: boolean;
    })[];
  };
};

/**
 * Both sides of a window, computed from its ticks: the stream's without the late ones and without
 * history below its first id, the batch's from those that its run had. `timeOf` reads ISO 8601 as
 * microseconds.
 */
export function recomputeSides(detail: Compared, timeOf: (iso: string) => number): [Recomputed, Recomputed] {
  const { product, size_us, every_us, start_us, columns } = detail;
  const ticks = detail.ticks.rows.map((tick) => ({ ...tick, time_us: timeOf(tick.time) }));
  const side = (name: "stream" | "batch", of: typeof ticks): Recomputed => {
    const row = recompute(product, { size_us, every_us }, start_us, of);
    const computed = row === null ? null : valuesOf(row);
    const compared = columns.map((one) => {
      const value = computed?.[one.column] ?? null;
      return { column: one.column, stored: one[name], computed: value, is_equal: one[name] === value };
    });
    const isThere = compared.some(({ stored }) => stored !== null);
    const count = compared.find(({ column }) => column === "trade_count");
    const isLacking = detail.ticks.is_behind && name === "stream" && of.length < Number(count?.stored ?? 0);
    return {
      side: name,
      ticks: of.length,
      is_equal: isThere && !isLacking ? compared.every(({ is_equal }) => is_equal) : null,
      columns: compared,
    };
  };
  // The feed repeats a product's last trade when it begins, which history may have had before.
  const first_id = Number(columns.find(({ column }) => column === "first_trade_id")?.stream ?? Number.NaN);
  return [
    side(
      "stream",
      ticks.filter(({ is_late, source, trade_id }) => !is_late && (source !== "backfill" || trade_id >= first_id)),
    ),
    side(
      "batch",
      ticks.filter(({ in_batch }) => in_batch),
    ),
  ];
}

function valuesOf(row: WindowRow): WindowValues {
  const text = (name: ComparedColumn) => (row[name] === null ? null : String(row[name]));
  return Object.fromEntries(COMPARED_COLUMNS.map((name) => [name, text(name)])) as WindowValues;
}

/** The outcome of a recomputation as a sentence. */
export function recomputedText({ side, ticks, is_equal, columns }: Recomputed): string {
  const of = `${side}: ${String(ticks).replace(/\B(?=(\d{3})+$)/g, ",")} ${ticks === 1 ? "tick" : "ticks"}`;
  if (is_equal === null && columns.some(({ stored }) => stored !== null))
    return `${of}; nothing is compared, because consume has not stored all its ticks`;
  if (is_equal === null) return `${of}; this side has no such window to compare with`;
  if (is_equal) return `${of} make exactly the stored window: all ${columns.length} columns are equal`;
  const wrong = columns.filter((one) => !one.is_equal);
  const named = wrong.map(
    ({ column, stored, computed }) => `${column} (stored ${stored ?? "nothing"}, computed ${computed ?? "nothing"})`,
  );
  return `${of}; ${wrong.length} of ${columns.length} columns differ: ${named.join(", ")}`;
}
