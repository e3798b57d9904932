/** The windows that the main chart has in memory: both pipelines' by start, of one span, bounded. */
import type { Bar, Cell, ChartAnswer, Outcome, StreamBar } from "../../scripts/contract/page-events.ts";

/** One window as either pipeline has it. */
export interface Row {
  start_s: number;
  stream: StreamBar | null;
  batch: Bar | null;
  cell: Cell | null;
}

/** What is in memory, without holes; `to_s` null: up to the newest window. */
export interface Coverage {
  from_s: number;
  to_s: number | null;
}

/** Three times what a view can have, so that panning finds its neighbours. */
export const ROWS_MAX = 30_000;
const OPEN = 0;

type Windows = Pick<ChartAnswer, "stream" | "batch" | "cells">;

export class ChartStore {
  #rows: Row[] = [];
  #by_start = new Map<number, Row>();
  #is_sorted = true;
  coverage: Coverage | null = null;

  /** By start, ascending. Not to be changed. */
  rows(): readonly Row[] {
    if (!this.#is_sorted) this.#rows.sort((a, b) => a.start_s - b.start_s);
    this.#is_sorted = true;
    return this.#rows;
  }

  get(start_s: number): Row | undefined {
    return this.#by_start.get(start_s);
  }

  newest(): Row | undefined {
    return this.rows().at(-1);
  }

  clear(): void {
    this.#rows = [];
    this.#by_start = new Map();
    this.#is_sorted = true;
    this.coverage = null;
  }

  /** Adds a span that touches what is here, or replaces what is here. */
  cover(span: Coverage, windows: Windows): void {
    const known = this.coverage;
    const touches =
      known !== null &&
      (known.to_s === null || span.from_s <= known.to_s) &&
      (span.to_s === null || span.to_s >= known.from_s);
    if (!touches) this.clear();
    this.coverage = {
      from_s: touches ? Math.min(known.from_s, span.from_s) : span.from_s,
      to_s: !touches ? span.to_s : span.to_s === null || known.to_s === null ? null : Math.max(span.to_s, known.to_s),
    };
    this.add(windows);
  }

  /** Windows in place of those of the same start; those outside of the span are for nobody yet. */
  add({ stream, batch, cells }: Windows): void {
    for (const bar of stream) this.#at(bar[0], (row) => (row.stream = bar));
    for (const bar of batch) this.#at(bar[0], (row) => (row.batch = bar));
    for (const cell of cells) this.#at(cell[0], (row) => (row.cell = cell));
  }

  #at(start_s: number, change: (row: Row) => void): void {
    const { coverage } = this;
    if (coverage === null || start_s < coverage.from_s || (coverage.to_s !== null && start_s >= coverage.to_s)) return;
    let row = this.#by_start.get(start_s);
    if (row === undefined) {
      row = { start_s, stream: null, batch: null, cell: null };
      this.#by_start.set(start_s, row);
      if (start_s < (this.#rows.at(-1)?.start_s ?? Number.NEGATIVE_INFINITY)) this.#is_sorted = false;
      this.#rows.push(row);
    }
    change(row);
  }

  /** Forgets the windows that are farthest from a moment, above `most` of them. */
  bound(near_s: number, most = ROWS_MAX): void {
    const rows = this.rows();
    const excess = rows.length - most;
    if (excess <= 0 || this.coverage === null) return;
    const atLeft = near_s - rows[0]!.start_s > rows.at(-1)!.start_s - near_s;
    const gone = atLeft ? rows.slice(0, excess) : rows.slice(-excess);
    this.#rows = atLeft ? rows.slice(excess) : rows.slice(0, -excess);
    for (const { start_s } of gone) this.#by_start.delete(start_s);
    this.coverage = atLeft
      ? { ...this.coverage, from_s: this.#rows[0]!.start_s }
      : { ...this.coverage, to_s: gone[0]!.start_s };
  }
}

/** What a cell of the ribbon shows: a window that closed since the last run waits for the next one. */
export function outcomeOf({ stream, cell }: Row): Outcome {
  if (stream !== null && stream[8] === OPEN) return "open";
  if (cell === null || cell[1] === "open") return "pending";
  return cell[1];
}

export function isOpen({ stream }: Row): boolean {
  return stream !== null && stream[8] === OPEN;
}

/** Index of the first row that begins at `at_s` or later. */
export function indexAt(rows: readonly Row[], at_s: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.start_s < at_s) low = middle + 1;
    else high = middle;
  }
  return low;
}
