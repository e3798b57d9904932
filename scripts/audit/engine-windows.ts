/** The input's windows by their shape, each with its arrivals and their row. */
import { TidemarkError } from "../base/errors.ts";
import type { Answers, ForeignRow, WindowShape } from "./audit-types.ts";
import { type Edge, placedTimes } from "./engine-edges.ts";
import { type EngineLog, KIND } from "./engine-log.ts";
import { isExact } from "./engine-model.ts";

/** Places of records in windows: hopping windows hold a record several times, 8 bytes each. */
const PLACES_MAX = 40_000_000;

/** One window of the input or of the answer. */
export interface AuditWindow {
  /** Empty when their rows have no product and the input has several. */
  product_id: string;
  /** Index into the log's products; -1: all of them. */
  product: number;
  start_us: number;
  end_us: number;
  /** All records that the engine's edges put in it, in log order: repeated and refused ones too. */
  arrivals: number[];
  /** Those that Tidemark's rules count: by [start, end). */
  exact: number[];
  /** By the engine's edges a tick comes in or goes out: then an exact row contradicts them. */
  isMoved: boolean;
  row: ForeignRow | null;
}

interface PlacedWindows {
  /** In order of product and start. */
  windows: AuditWindow[];
  /** Rows that are in no window of the shape, or a second one of the same window, with why. */
  strays: { row: ForeignRow; why: string }[];
}

/**
 * Places records and rows. `product`: of which product rows without one are; null: of all together.
 * Throws USAGE when the windows overlap too much for memory.
 */
export function placeWindows(
  log: EngineLog,
  answers: Answers,
  product: string | null,
  edge: Edge = "left",
): PlacedWindows {
  const { rows, shape } = answers;
  const hasProduct = rows.some(({ product_id }) => product_id !== null);
  const isOne = !hasProduct && product === null;
  const overlap = Math.ceil(shape.size_us / shape.every_us);
  if (log.records.length * overlap > PLACES_MAX)
    throw new TidemarkError(
      "USAGE",
      `${log.records.length} records in ${overlap} windows each are more than ${PLACES_MAX} places in memory.`,
      "Audit a shorter part of the input, or windows that overlap less.",
    );
  const byProduct = new Map<number, Map<number, AuditWindow>>();
  const windowAt = (key: number, start_us: number): AuditWindow => {
    let starts = byProduct.get(key);
    if (starts === undefined) {
      starts = new Map();
      byProduct.set(key, starts);
    }
    let window = starts.get(start_us);
    if (window === undefined) {
      const product_id = key === -1 ? (log.products.length === 1 ? log.products[0]! : "") : (log.products[key] ?? "");
      window = {
        product_id,
        product: key,
        start_us,
        end_us: start_us + shape.size_us,
        arrivals: [],
        exact: [],
        isMoved: false,
        row: null,
      };
      starts.set(start_us, window);
    }
    return window;
  };
  const placed_us = placedTimes(log, edge);
  const only = product === null ? -1 : log.products.indexOf(product);
  for (let i = 0; i < log.records.length; i++) {
    if (log.kind[i] === KIND.nothing) continue;
    const own = log.product[i]!;
    if (!isOne && own === -1) continue;
    if (!isOne && !hasProduct && own !== only) continue;
    const key = isOne ? -1 : own;
    const starts = startsOf(log.time_us[i]!, shape);
    const placed = edge === "left" ? starts : startsOf(placed_us[i]!, shape);
    for (const start_us of placed) windowAt(key, start_us).arrivals.push(i);
    if (!isExact(log, i)) continue;
    for (const start_us of starts) windowAt(key, start_us).exact.push(i);
    if (starts[0] !== placed[0]) for (const start_us of [...starts, ...placed]) windowAt(key, start_us).isMoved = true;
  }
  const strays = placeRows(log, answers, isOne ? -1 : hasProduct ? null : only, windowAt);
  const windows = [...byProduct.values()]
    .flatMap((starts) => [...starts.values()])
    .filter(({ row, exact }) => row !== null || exact.length > 0)
    .sort((a, b) => (a.product_id < b.product_id ? -1 : a.product_id > b.product_id ? 1 : a.start_us - b.start_us));
  return { windows, strays };
}

/** Starts of the windows that have a time, the last first. */
function startsOf(time_us: number, { size_us, every_us, offset_us }: WindowShape): number[] {
  const starts: number[] = [];
  const last_us = Math.floor((time_us - offset_us) / every_us) * every_us + offset_us;
  for (let start_us = last_us; start_us > time_us - size_us; start_us -= every_us) starts.push(start_us);
  return starts;
}

/** `key`: of which product rows without one are; null: each names its own. */
function placeRows(
  log: EngineLog,
  { rows, shape }: Answers,
  key: number | null,
  windowAt: (key: number, start_us: number) => AuditWindow,
): PlacedWindows["strays"] {
  const { every_us, offset_us, size_us, shift_us } = shape;
  const strays: PlacedWindows["strays"] = [];
  for (const row of rows) {
    const start_us = row.window_start_us + shift_us;
    const end_us = row.window_end_us === null ? null : row.window_end_us + shift_us;
    const own = key ?? log.products.indexOf(row.product_id ?? "");
    const rest = (((start_us - offset_us) % every_us) + every_us) % every_us;
    if (own === -1 && key === null) strays.push({ row, why: `The input has no product ${row.product_id}.` });
    else if (rest !== 0) strays.push({ row, why: "Its start is not one of the windows' starts: it is shifted alone." });
    else if (end_us !== null && end_us !== start_us + size_us)
      strays.push({ row, why: "Its end is not its start plus the size of the other windows." });
    else {
      const window = windowAt(own, start_us);
      if (window.row === null) window.row = row;
      else strays.push({ row, why: `A second row of the window of ${window.row.where}.` });
    }
  }
  return strays;
}
