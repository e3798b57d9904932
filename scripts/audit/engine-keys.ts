/** By which fields an engine finds repeats, and the chains of records that are the same to it. */
import type { EngineModel } from "./audit-types.ts";
import { type EngineLog, INT32, KIND, narrowId } from "./engine-log.ts";

export type Keys = EngineModel["keys"];

/** Ways that leave no tick out but by its id. */
export const ID_KEYS: readonly Keys[] = ["exact", "wrapped", "null"];
/** Ways that merge separate trades (W13), the one that merges least first. */
export const MERGING_KEYS: readonly Keys[] = ["time_price_size", "time_price", "time", "id_alone"];

/** For people: which trades are the same to an engine. */
export const KEY_TEXTS: Record<Keys, string> = {
  exact: "A repeated trade id",
  wrapped: "A repeated trade id",
  null: "A repeated trade id",
  time_price_size: "A trade with the time, price and size of another",
  time_price: "A trade with the time and price of another",
  time: "A trade with the time of another",
  id_alone: "A trade with the id of another, also of another product,",
};

/** Whether these keys make other repeats than ids do; fills `log.links`. */
export function hasOwnRepeats(log: EngineLog, keys: Keys): boolean {
  if (keys === "exact") return false;
  if (log.links[keys] === undefined) {
    const own = isPossible(log, keys) ? linked(log, keys) : null;
    const isSame = own === null || own.earlier.every((at, i) => at === log.earlier[i] || log.kind[i] !== KIND.tick);
    log.links[keys] = isSame ? null : own;
  }
  return log.links[keys] !== null;
}

function isPossible(log: EngineLog, keys: Keys): boolean {
  if (keys === "id_alone") return log.products.length > 1;
  return MERGING_KEYS.includes(keys) || log.id.some((id) => id >= INT32);
}

function linked(log: EngineLog, keys: Keys): { earlier: Int32Array; later: Int32Array } {
  const n = log.records.length;
  const [earlier, later] = [new Int32Array(n).fill(-1), new Int32Array(n).fill(-1)];
  const last = new Map<number | string, number>();
  const isById = keys === "wrapped" || keys === "null" || keys === "id_alone";
  for (let i = 0; i < n; i++) {
    if (isById ? log.kind[i] !== KIND.tick : Number.isNaN(log.time_us[i]!)) continue;
    const key = keyOf(log, keys, i);
    const before = last.get(key);
    if (before !== undefined) {
      earlier[i] = before;
      later[before] = i;
    }
    last.set(key, i);
  }
  return { earlier, later };
}

function keyOf(log: EngineLog, keys: Keys, i: number): number | string {
  if (keys === "id_alone") return log.id[i]!;
  const product = log.product[i]!;
  if (keys === "wrapped" || keys === "null") return `${product} ${narrowId(log.id[i]!, keys)}`;
  if (keys === "time") return `${product} ${log.time_us[i]}`;
  if (keys === "time_price") return `${product} ${log.time_us[i]} ${log.price[i]}`;
  return `${product} ${log.time_us[i]} ${log.price[i]} ${log.size[i]}`;
}
