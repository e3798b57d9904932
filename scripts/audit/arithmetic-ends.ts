/** Which record of a window is the first, and which the last, as engines find them. */
import type { Counts, EngineModel } from "./audit-types.ts";
import { keptTime } from "./engine-edges.ts";
import { type EngineLog, KIND } from "./engine-log.ts";

/** One record is the first, and one the last. */
export type Ends = "time_id" | "time" | "arrival";

/** How an engine finds the first and the last price and how it writes trade ids. */
export interface RowStyle {
  counts: Counts;
  /**
   * By time and trade id as Tidemark, by time alone (ties by arrival), or by arrival. `tied`: by time,
   * any of a tie. `partition`: the first and last arrival of any one partition.
   */
  ends: Ends | "tied" | "partition";
  /** Of loose ends that few rows need: the best of the others. A row that only these make is not proved. */
  strict?: Ends;
  times: EngineModel["times"];
  /** `wrapped`: before the least and the greatest are taken; `wrapped_last`: when they are written. */
  ids: "exact" | "wrapped" | "null" | "wrapped_last";
  /** Which ids are the first and the last: the least and greatest, or those of the first and last trade. */
  idEnds: "value" | Ends;
}

/** Whether record i, which arrived after j, is before it in the engine's order. */
export function comesBefore(
  log: EngineLog,
  i: number,
  j: number,
  ends: RowStyle["ends"],
  times: RowStyle["times"],
): boolean {
  if (ends === "arrival" || ends === "partition") return false;
  const [a, b] = [keptTime(log.time_us[i]!, times), keptTime(log.time_us[j]!, times)];
  return a < b || (a === b && ends === "time_id" && log.id[i]! < log.id[j]!);
}

/** Of loose ends: the records that may be the first or the last price. */
export function looseEnds(
  log: EngineLog,
  members: readonly number[],
  style: RowStyle,
  batch: Int32Array | null,
): { open_price: number[]; close_price: number[] } {
  const priced = members.filter((i) => log.kind[i] === KIND.tick || !Number.isNaN(log.price[i]!));
  const at = (values: readonly number[], value: number) => priced.filter((_, n) => values[n] === value);
  if (style.ends === "partition") {
    // The log's order is not that of Spark's batches, which read each partition at a pace of its own.
    const batches = priced.map((i) => batch?.[i] ?? 0);
    const [first, last] = rangeOf(batches);
    const ends = [at(batches, first), at(batches, last).toReversed()];
    const [open_price, close_price] = ends.map((list) =>
      list.filter((i, n) => list.findIndex((one) => log.partition[one] === log.partition[i]) === n),
    );
    return { open_price: open_price!, close_price: close_price! };
  }
  const times = priced.map((i) => keptTime(log.time_us[i]!, style.times));
  const [least, most] = rangeOf(times);
  return { open_price: at(times, least), close_price: at(times, most) };
}

function rangeOf(values: readonly number[]): [number, number] {
  return values.reduce<[number, number]>(([a, b], one) => [Math.min(a, one), Math.max(b, one)], [Infinity, -Infinity]);
}
