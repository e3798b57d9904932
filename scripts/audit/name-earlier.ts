/** W9: whether earlier rows of a window are states that the engine can have passed through. */
import type { Answers, ForeignRow, WindowVerdict } from "./audit-types.ts";
import { KIND } from "./engine-log.ts";
import { membersOf } from "./engine-model.ts";
import type { AuditWindow } from "./engine-windows.ts";
import { readCell } from "./fit-cells.ts";
import type { ColumnPlan } from "./fit-columns.ts";
import type { Fit } from "./fit-model.ts";
import { type Measure, makesRow, valuesOf } from "./name-rules.ts";

/** Ticks that are added up for all earlier rows; beyond it only bounds are checked. */
const STEPS_MAX = 20_000_000;
/** Of 32-bit floats, in relation to the number. */
const FLOAT_PART = 1e-6;

type Cells = ReturnType<typeof cellsOf>;

/** The verdicts, unexplained where an earlier row can't be a state of the window's engine. */
export function withEarlierRows(
  verdicts: readonly WindowVerdict[],
  windows: readonly AuditWindow[],
  { superseded, shape, isAppended = false }: Answers,
  measure: Measure,
  fit: Fit,
): WindowVerdict[] {
  if (superseded.length === 0) return [...verdicts];
  const byStart = Map.groupBy(superseded, (row) => row.window_start_us + shape.shift_us);
  const budget = { steps: STEPS_MAX };
  return verdicts.map((verdict, at) => {
    const window = windows[at]!;
    const rows = byStart.get(window.start_us)?.filter((row) => isOf(row, window)) ?? [];
    if (rows.length === 0 || verdict.outcome === "unexplained") return verdict;
    if (isAppended) {
      const why = `Two committed rows of this window (${rows[0]!.where}, ${verdict.where}): Spark's file sink writes each once.`;
      return { ...verdict, outcome: "unexplained", rules: [], why };
    }
    const states = new States(measure, fit, window, budget);
    const wrong = rows.find((row) => !states.has(cellsOf(measure, row)));
    if (wrong === undefined) return verdict;
    const why = `An earlier row of this window (${wrong.where}) is not made by any first part of its ticks.`;
    return { ...verdict, outcome: "unexplained", rules: [], why };
  });
}

function isOf({ product_id }: ForeignRow, window: AuditWindow): boolean {
  return product_id === null || product_id === window.product_id;
}

function cellsOf({ plans }: Measure, row: ForeignRow) {
  return new Map(plans.map(({ name }) => [name, readCell(row.cells[name] ?? null)]));
}

/** The last rows alone need not tell how an engine rounds ties, which few ticks often make. */
function withTies(plans: readonly ColumnPlan[], tie: "up" | "even"): ColumnPlan[] {
  return plans.map((one) =>
    one.plan.arithmetic === "decimal" && "tie" in one.plan.rounding && one.plan.rounding.tie !== "down"
      ? { ...one, plan: { ...one.plan, rounding: { ...one.plan.rounding, tie } } }
      : one,
  );
}

/** The states of one window, by the number of ticks that it holds. */
class States {
  readonly #sets: number[][];
  readonly #isOrdered: boolean;
  readonly #plans: readonly ColumnPlan[][];

  constructor(
    readonly measure: Measure,
    { engine, restarts }: Fit,
    window: AuditWindow,
    readonly budget: { steps: number },
  ) {
    const { log, clock, plans } = measure;
    this.#plans = [plans, withTies(plans, "up"), withTies(plans, "even")].map((list) => [...list]);
    const open = membersOf(log, engine, { ...clock, at_us: null, forgotten: [] }, window);
    this.#sets = [open, membersOf(log, engine, clock, window), window.exact];
    // With several partitions, a lost clock or late rows, a state need not be a first part of the ticks.
    this.#isOrdered =
      restarts.length === 0 &&
      engine.repeats !== "last" &&
      (engine.late_by === "window" || engine.lateness.kind !== "suffix") &&
      open.every((i) => log.partition[i] === log.partition[open[0]!]);
  }

  has(cells: Cells): boolean {
    const count = cells.get("trade_count")?.number ?? Number.NaN;
    if (count === 0) return true;
    if (!this.#isOrdered || !Number.isInteger(count)) return this.#isWithin(cells);
    return this.#sets.some((set) => {
      // A null price may be in the row without being counted.
      const uncounted = set.filter((i) => this.measure.log.kind[i] !== KIND.tick).length;
      for (let held = count; held <= Math.min(count + uncounted, set.length); held++) {
        this.budget.steps -= held;
        if (this.budget.steps < 0) return this.#isWithin(cells);
        const values = valuesOf(this.measure, set.slice(0, held));
        if (this.#plans.some((plans) => makesRow(plans, cells, values))) return true;
      }
      return false;
    });
  }

  /** Not more ticks, no price beyond theirs, no greater volume. */
  #isWithin(cells: Cells): boolean {
    const { log } = this.measure;
    const [all] = this.#sets;
    const number = (name: "trade_count" | "max_price" | "min_price" | "total_volume") => cells.get(name)?.number;
    const prices = all!.map((i) => log.price[i]!).filter((price) => !Number.isNaN(price));
    const volume = all!.reduce((sum, i) => sum + (Number.isNaN(log.size[i]!) ? 0 : Math.abs(log.size[i]!)), 0);
    const isAbove = (value: number | undefined, most: number) => value !== undefined && value > most * (1 + FLOAT_PART);
    return !(
      isAbove(number("trade_count"), all!.length) ||
      isAbove(
        number("max_price"),
        prices.reduce((most, price) => Math.max(most, price), 0),
      ) ||
      isAbove(number("total_volume"), volume) ||
      (number("min_price") ?? Number.POSITIVE_INFINITY) <
        prices.reduce((least, price) => Math.min(least, price), Number.POSITIVE_INFINITY) * (1 - FLOAT_PART)
    );
  }
}
