/** Committed state in memory, like windows.db: the job reads back what it stored. */
import type {
  ClosedRow,
  LateRow,
  OutOfOrderRow,
  ProductRow,
  RevisionRow,
  WindowRow,
} from "../../scripts/contract/window.ts";
import type { StateSource, StepResult } from "../../scripts/window/state.ts";

export class MemoryState implements StateSource {
  readonly windows = new Map<string, WindowRow>();
  readonly revisions = new Map<string, RevisionRow[]>();
  readonly late: LateRow[] = [];
  readonly outOfOrder: OutOfOrderRow[] = [];
  readonly #products = new Map<string, ProductRow>();
  readonly #ends = new Map<string, ClosedRow>();
  readonly #seen = new Map<string, Uint8Array | null>();
  /** Last ids by product and first id. */
  readonly #unissued = new Map<string, Map<number, number>>();

  /** A copy, as a database returns one: what the job does to it is not stored yet. */
  product = (id: string) => {
    const row = this.#products.get(id);
    return row && { ...row };
  };
  closed = (id: string, size_us: number) => this.#ends.get(`${id} ${size_us}`);
  openWindows = (id: string, size_us: number) =>
    [...this.windows.values()].filter((w) => w.product_id === id && w.size_us === size_us && w.final === 0);
  seenBlock = (id: string, block: number) => this.#seen.get(`${id} ${block}`);
  seenBlocks = (id: string, from: number, to: number) =>
    [...this.#seen.keys()]
      .filter((key) => key.startsWith(`${id} `))
      .map((key) => Number(key.slice(id.length + 1)))
      .filter((block) => block >= from && block <= to);
  closedWindow = (id: string, size_us: number, start_us: number) => {
    const key = `${id} ${size_us} ${start_us}`;
    const row = this.windows.get(key);
    return this.revisions.get(key)?.at(-1) ?? (row && { ...row, revision: 0 });
  };
  nextClosed = (id: string, size_us: number, start_us: number) =>
    [...this.windows.values()]
      .filter((w) => w.product_id === id && w.size_us === size_us && w.window_start_us > start_us && w.final !== 0)
      .map((w) => w.window_start_us)
      .sort((a, b) => a - b)[0];

  unissued = (id: string) =>
    [...(this.#unissued.get(id) ?? [])]
      .map(([first_trade_id, last_trade_id]) => ({ first_trade_id, last_trade_id }))
      .sort((a, b) => a.first_trade_id - b.first_trade_id);
  /** By reading all rows. */
  closedOver = (id: string, size_us: number, lo: number, hi: number) =>
    [...[...this.windows.values()].filter((w) => w.final !== 0), ...[...this.revisions.values()].flat()]
      .filter((w) => w.product_id === id && w.size_us === size_us && w.last_trade_id >= lo && w.after_trade_id < hi)
      .map((w) => w.window_start_us);

  productIds = () => [...this.#products.keys()].sort();

  reopen(): void {}

  store(step: StepResult): void {
    const key = (w: WindowRow) => `${w.product_id} ${w.size_us} ${w.window_start_us}`;
    for (const row of [...step.updated, ...step.closed]) {
      if (this.windows.get(key(row))?.final) throw new Error(`a final row was written again: ${key(row)}`);
      this.windows.set(key(row), row);
    }
    for (const row of step.revisions) this.revisions.set(key(row), [...(this.revisions.get(key(row)) ?? []), row]);
    this.late.push(...step.late);
    this.outOfOrder.push(...step.out_of_order);
    for (const row of step.products) this.#products.set(row.product_id, row);
    for (const row of step.ends) this.#ends.set(`${row.product_id} ${row.size_us}`, row);
    for (const row of step.seen) this.#seen.set(`${row.product_id} ${row.block}`, row.bits?.slice() ?? null);
    for (const { product_id, first_trade_id, last_trade_id } of step.unissued) {
      const spans = this.#unissued.get(product_id) ?? new Map<number, number>();
      this.#unissued.set(product_id, spans);
      if (last_trade_id === null) spans.delete(first_trade_id);
      else spans.set(first_trade_id, last_trade_id);
    }
  }
}
