/** Unexplained rows that fit together: ticks of one window that were counted in another. */
import { isoSecondFromUs } from "../base/iso.ts";
import type { AuditColumn, Hint, NamedTick } from "./audit-types.ts";
import type { AuditWindow } from "./engine-windows.ts";
import type { Cell } from "./fit-cells.ts";
import { fitsLoosely, type LooseRow, looseSums } from "./fit-loose.ts";
import { type Measure, makesRow, tickAt, valuesOf } from "./name-rules.ts";

/** Other rows that are tried for the ticks which one row lacks, the nearest first. */
const ROWS_MAX = 20;
/** Ticks of one move that the sentence names, and sets of them. */
const NAMED_MAX = 5;
const MINUTE_US = 60e6;

/** A row that nothing explains, with what the engine holds, in log order. */
export interface OpenRow {
  window: AuditWindow;
  row: LooseRow;
  cells: ReadonlyMap<AuditColumn, Cell>;
  members: readonly number[];
  /** What would make the row alone. */
  hint: Hint | null;
}

/** Ticks of a window that another row has. */
interface Move {
  ticks: readonly number[];
  of: AuditWindow;
  to: AuditWindow;
}

/**
 * Hints of the rows that such moves make, both rows of each move in every column. `windows`: all, in
 * order of product and start. `moved_us`: how far their starts are from those that are shown.
 */
export function movedTicks(
  measure: Measure,
  windows: readonly AuditWindow[],
  rows: readonly OpenRow[],
  moved_us: number,
): Map<AuditWindow, Hint> {
  const hints = new Map<AuditWindow, Hint>();
  // Windows that overlap share ticks.
  if (rows.length < 2 || windows.some((one, i) => isNext(one, windows[i + 1], (end, start) => end > start)))
    return hints;
  const search = new Search(measure, moved_us, hints);
  const open = new Map(rows.map((row) => [row.window, row]));
  for (const order of ["time", "arrival"] as const) search.boundaries(windows, open, order);
  for (const row of rows) search.pairs(row, rows);
  return hints;
}

function isNext(one: AuditWindow, next: AuditWindow | undefined, is: (end: number, start: number) => boolean): boolean {
  return next !== undefined && next.product === one.product && is(one.end_us, next.start_us);
}

class Search {
  constructor(
    private readonly measure: Measure,
    private readonly moved_us: number,
    private readonly hints: Map<AuditWindow, Hint>,
  ) {}

  /** Rows in a chain, each with what its neighbours' counts leave to it, up to one that is whole. */
  boundaries(
    windows: readonly AuditWindow[],
    open: ReadonlyMap<AuditWindow, OpenRow>,
    order: "time" | "arrival",
  ): void {
    let chain: Move[] = [];
    let carried: Move | null = null;
    for (const [at, window] of windows.entries()) {
      const row = open.get(window);
      const next = windows[at + 1];
      const has: number[] | null = row === undefined ? null : this.#after(row.members, carried, window);
      const more: number = row === undefined || has === null ? Number.NaN : has.length - row.row.trade_count;
      const beside = isNext(window, next, (end, start) => end === start) ? open.get(next!) : undefined;
      const move: Move | null = more === 0 ? null : this.#across(has ?? [], more, window, beside, order);
      const isWhole = more === 0 || move !== null;
      if (!isWhole || !this.#makes(row!, this.#after(has!, move, window))) [chain, carried] = [[], null];
      else if (move !== null) [chain, carried] = [[...chain, move], move];
      else {
        for (const one of chain) this.#note(one, chain);
        [chain, carried] = [[], null];
      }
    }
  }

  /** The ticks that the row has too many and the next lacks, or the other way round. */
  #across(
    has: readonly number[],
    more: number,
    window: AuditWindow,
    beside: OpenRow | undefined,
    order: "time" | "arrival",
  ): Move | null {
    if (beside === undefined || Number.isNaN(more)) return null;
    const { time_us } = this.measure.log;
    const inOrder = (list: readonly number[]) =>
      order === "arrival" ? [...list] : [...list].sort((a, b) => time_us[a]! - time_us[b]! || a - b);
    const [list, ticks] =
      more > 0 ? [has, inOrder(has).slice(-more)] : [beside.members, inOrder(beside.members).slice(0, -more)];
    if (ticks.length === 0 || ticks.length >= list.length) return null;
    return more > 0 ? { ticks, of: window, to: beside.window } : { ticks, of: beside.window, to: window };
  }

  /** Ticks that this row lacks by its own hint, as a surplus of one other row. */
  pairs(lacking: OpenRow, rows: readonly OpenRow[]): void {
    const { hint, window, members } = lacking;
    if (hint === null || this.hints.has(window)) return;
    if (hint.sets.some((set) => set.some(({ what, rule }) => what !== "missing" || rule !== null))) return;
    const { log } = this.measure;
    const sets = hint.sets.map((set) =>
      set.flatMap((tick) =>
        members.filter((i) => log.offset[i] === tick.offset && log.partition[i] === tick.partition),
      ),
    );
    const near = rows
      .filter((one) => one !== lacking && one.window.product === window.product && !this.hints.has(one.window))
      .sort((a, b) => distance(a.window, window) - distance(b.window, window))
      .slice(0, ROWS_MAX);
    for (const other of near) {
      const moves = sets
        .map((ticks): Move => ({ ticks, of: window, to: other.window }))
        .filter((move) => this.#makes(other, this.#after(other.members, move, other.window)));
      if (moves.length === 0) continue;
      this.hints.set(window, this.#hint(window, [moves]));
      this.hints.set(other.window, this.#hint(other.window, [moves]));
      return;
    }
  }

  #after(members: readonly number[], move: Move | null, window: AuditWindow): number[] {
    if (move === null) return [...members];
    if (move.to === window) return [...members, ...move.ticks].sort((a, b) => a - b);
    const gone = new Set(move.ticks);
    return members.filter((i) => !gone.has(i));
  }

  #makes({ row, cells }: OpenRow, members: readonly number[]): boolean {
    const { log, engine, plans } = this.measure;
    return (
      fitsLoosely(row, looseSums(log, members), engine.counts) &&
      makesRow(plans, cells, valuesOf(this.measure, members))
    );
  }

  /** The hints of both windows of a move, with the chain's other moves of each. */
  #note(move: Move, chain: readonly Move[]): void {
    for (const window of [move.of, move.to]) {
      const own = chain.filter(({ of, to }) => of === window || to === window);
      if (!this.hints.has(window))
        this.hints.set(
          window,
          this.#hint(
            window,
            own.map((one) => [one]),
          ),
        );
    }
  }

  /** `moves`: each with the others that are as likely. */
  #hint(window: AuditWindow, moves: readonly (readonly Move[])[]): Hint {
    const { log } = this.measure;
    const named = ({ ticks, of }: Move): NamedTick[] =>
      ticks.map((i) => tickAt(log, i, of === window ? "missing" : "surplus", null));
    const [first] = moves;
    const isOne = moves.length === 1;
    return {
      text: `As if ${moves.map((one) => this.#phrase(one)).join(", and ")}.`,
      sets: isOne ? first!.map(named) : [moves.flatMap(([move]) => named(move!))],
      is_cut: false,
    };
  }

  #phrase(moves: readonly Move[]): string {
    const { of, to, ticks } = moves[0]!;
    const id = (i: number) => String(this.measure.log.id[i]!);
    const texts = moves.length === 1 ? ticks.map(id) : moves.map((one) => one.ticks.map(id).join(" and "));
    const named = texts.slice(0, NAMED_MAX).join(", ");
    const list = texts.length > NAMED_MAX ? `${named}, …` : named;
    const where = `were counted in ${this.#name(to)} instead of ${this.#name(of)}`;
    if (moves.length > 1)
      return `one of ${moves.length} ${ticks.length === 1 ? "ticks" : "sets of ticks"} ${where}: ${list}`;
    if (texts.length <= 2) return `${texts.join(" and ")} ${where}`;
    return `${texts.length} ticks (${list}) ${where}`;
  }

  /** `16:05`, as the report names the window. */
  #name({ start_us, end_us }: AuditWindow): string {
    const text = isoSecondFromUs(start_us - this.moved_us);
    return text.slice(11, (end_us - start_us) % MINUTE_US === 0 && start_us % MINUTE_US === 0 ? 16 : 19);
  }
}

function distance(one: AuditWindow, other: AuditWindow): number {
  return Math.abs(one.start_us - other.start_us);
}
