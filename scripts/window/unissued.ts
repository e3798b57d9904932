/** Which trade ids of one product were never issued (docs/decisions/0094-unissued-ids.md). */
import type { UnissuedSpan } from "../contract/window.ts";
import type { SeenIds } from "./seen.ts";

/** Spans kept per product. A proof that would add another is left out: its ids count as lacking. */
export const UNISSUED_SPANS_MAX = 10_000;

/** Ids from `lo` to `hi`, both included. */
interface IdSpan {
  lo: number;
  hi: number;
}

/** Spans that neither overlap nor touch; no id in them was ever seen. */
export class UnissuedIds {
  readonly #spans: IdSpan[];
  /** First ids of spans that are new, changed or gone since the last commit. */
  readonly #dirty = new Set<number>();

  /** `stored`: the committed spans by first id. */
  constructor(
    readonly product_id: string,
    stored: readonly { first_trade_id: number; last_trade_id: number }[],
  ) {
    this.#spans = stored.map(({ first_trade_id, last_trade_id }) => ({ lo: first_trade_id, hi: last_trade_id }));
  }

  /** Takes a proof of `first` to `last`. Returns which ids it is the first to prove, without seen ones. */
  add(first: number, last: number, seen: SeenIds): IdSpan[] {
    const fresh = this.#without({ lo: first, hi: last }).flatMap((span) => unseen(span, seen));
    return fresh.filter((span) => this.#put(span));
  }

  /** An id was seen: a proof of it was wrong. Returns how many ids leave. */
  see(id: number): number {
    const last = this.#spans.at(-1);
    if (last === undefined || id > last.hi) return 0;
    const at = this.#from(id);
    const { lo, hi } = this.#spans[at]!;
    if (id < lo) return 0;
    const parts = [
      { lo, hi: id - 1 },
      { lo: id + 1, hi },
    ].filter((part) => part.lo <= part.hi);
    // At the limit it is not split: the ids above leave too, and count as lacking.
    const kept = this.#spans.length < UNISSUED_SPANS_MAX ? parts : parts.slice(0, 1);
    this.#replace(at, 1, kept);
    return kept.reduce((left, part) => left - (part.hi - part.lo + 1), hi - lo + 1);
  }

  /** How many ids of (after, last] are in it. */
  countBetween(after: number, last: number): number {
    let count = 0;
    for (let at = this.#from(after + 1); at < this.#spans.length && this.#spans[at]!.lo <= last; at++) {
      const { lo, hi } = this.#spans[at]!;
      count += Math.min(hi, last) - Math.max(lo, after + 1) + 1;
    }
    return count;
  }

  /** What has changed since the last call of `committed`. */
  dirty(): UnissuedSpan[] {
    return [...this.#dirty].map((first_trade_id) => {
      const span = this.#spans[this.#from(first_trade_id)];
      const last_trade_id = span?.lo === first_trade_id ? span.hi : null;
      return { product_id: this.product_id, first_trade_id, last_trade_id };
    });
  }

  committed(): void {
    this.#dirty.clear();
  }

  /** Index of the first span that ends at `id` or later. */
  #from(id: number): number {
    let [low, high] = [0, this.#spans.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#spans[middle]!.hi < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The parts of a span that are not in it yet. */
  #without({ lo, hi }: IdSpan): IdSpan[] {
    const parts: IdSpan[] = [];
    for (let at = this.#from(lo); at < this.#spans.length && this.#spans[at]!.lo <= hi; at++) {
      const known = this.#spans[at]!;
      if (lo < known.lo) parts.push({ lo, hi: known.lo - 1 });
      lo = known.hi + 1;
    }
    if (lo <= hi) parts.push({ lo, hi });
    return parts;
  }

  /** Adds ids that are not in it, joined with the spans that they touch; false beyond the limit. */
  #put({ lo, hi }: IdSpan): boolean {
    const at = this.#from(lo - 1);
    const [below, above] = [this.#spans[at], this.#spans[this.#from(hi + 1)]];
    const joined = { lo: below?.hi === lo - 1 ? below.lo : lo, hi: above?.lo === hi + 1 ? above.hi : hi };
    const gone = Number(joined.lo !== lo) + Number(joined.hi !== hi);
    if (gone === 0 && this.#spans.length >= UNISSUED_SPANS_MAX) return false;
    this.#replace(at, gone, [joined]);
    return true;
  }

  #replace(at: number, gone: number, spans: readonly IdSpan[]): void {
    for (const { lo } of [...this.#spans.splice(at, gone, ...spans), ...spans]) this.#dirty.add(lo);
  }
}

/** The first of these ids in (after, last]; undefined if none is. */
export function firstIn(spans: readonly IdSpan[], after: number, last: number): number | undefined {
  const span = spans.find(({ lo, hi }) => hi > after && lo <= last);
  return span && Math.max(span.lo, after + 1);
}

/** The parts of a span without ids that were seen. */
function unseen(span: IdSpan, seen: SeenIds): IdSpan[] {
  if (seen.countBetween(span.lo - 1, span.hi) === 0) return [span];
  const parts: IdSpan[] = [];
  for (let id = span.lo; id <= span.hi; id++) {
    if (seen.countBetween(id - 1, id) > 0) continue;
    const last = parts.at(-1);
    if (last?.hi === id - 1) last.hi = id;
    else parts.push({ lo: id, hi: id });
  }
  return parts;
}
