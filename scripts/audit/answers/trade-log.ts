/** The trades of a log by their ids, for a table of millions of rows. */
import type { Candidate } from "./consumed.ts";
import type { TradeTable } from "./other-kinds.ts";

export class TradeLog {
  /** The first record of each trade, in log order. */
  readonly ticks: Candidate[] = [];
  /** Key numbers are below this. */
  readonly keys: number;
  readonly #first = new Map<string, Candidate>();
  /** All records of an id that has several. */
  readonly #several = new Map<string, Candidate[]>();

  constructor(all: readonly Candidate[]) {
    this.keys = 2 * all.length;
    const known = new Uint8Array(this.keys);
    for (const each of all) {
      const first = this.#first.get(each.id);
      const several = this.#several.get(each.id);
      if (first === undefined) this.#first.set(each.id, each);
      else if (several === undefined) this.#several.set(each.id, [first, each]);
      else several.push(each);
      if (!each.isTick || known[each.key_number] === 1) continue;
      known[each.key_number] = 1;
      this.ticks.push(each);
    }
  }

  /** All records with this id, in log order. */
  with(id: string): readonly Candidate[] {
    const several = this.#several.get(id);
    if (several !== undefined) return several;
    const first = this.#first.get(id);
    return first === undefined ? [] : [first];
  }

  /** Whether several records have this id. */
  isRepeated(id: string): boolean {
    return this.#several.has(id);
  }

  /** The trade that a row should be: of its product, or the first of its id. */
  tickOf({ trade_id, product_id }: TradeTable["rows"][number]): Candidate | undefined {
    if (trade_id === null) return undefined;
    return this.with(trade_id).find((each) => each.isTick && (product_id === null || each.product_id === product_id));
  }
}
