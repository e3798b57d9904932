/** How each column was computed: one plan for all its rows, so that no cell gets a rule of its own. */
import type { Rounding } from "./arithmetic-decimal.ts";
import type { SumOrder } from "./arithmetic-float.ts";
import type { Answers, AuditColumn, CellType, EngineModel } from "./audit-types.ts";
import { type Cell, type CellPlan, isNumeric, isReproduced, QUOTIENTS, type RowValues } from "./fit-cells.ts";

/** A column with its plan, and how its cells compare with exact values. */
export interface ColumnPlan {
  name: AuditColumn;
  type: CellType;
  plan: CellPlan;
  /** By which a cell is equal to the exact value, digit for digit or rounded to its column. */
  equal: Rounding;
}

/** A row whose members are known, as evidence for the plans. */
export interface Sample {
  cells: ReadonlyMap<AuditColumn, Cell>;
  values: RowValues;
}

/** A plan that is less strict must explain more rows than this share of them, and more than one. */
const SLACK_SHARE = 0.1;
/** Digits after the point up to which a column of floats is taken for rounded. */
const ROUNDED_PLACES_MAX = 12;

type Arithmetic = EngineModel["arithmetic"];

export function planColumns(
  columns: Answers["columns"],
  samples: readonly Sample[],
  known: { arithmetic?: Arithmetic; hasBatches: boolean },
): ColumnPlan[] {
  const slack = Math.max(1, Math.floor(samples.length * SLACK_SHARE));
  const judged = columns.map(({ name, type }) => ({ name, type, scores: scoresOf(name, type, samples, known, slack) }));
  const votes: Record<Arithmetic, number> = { decimal: 0, float64: 0, float32: 0 };
  for (const { name, scores } of judged) {
    if (!isNumeric(name) || name === "buy_sell_ratio") continue;
    for (const arithmetic of Object.keys(votes) as Arithmetic[])
      votes[arithmetic] += Math.max(0, ...scores.filter((s) => s.plan.arithmetic === arithmetic).map((s) => s.hits));
  }
  const order: Arithmetic[] = ["decimal", "float64", "float32"];
  const main = order.reduce((best, one) => (votes[one] > votes[best] ? one : best));
  return judged.map(({ name, type, scores }) => {
    const plan = chosen(scores, main, slack, QUOTIENTS.includes(name));
    return { name, type, plan, equal: equality(name, type, plan, samples, scores) };
  });
}

interface Score {
  plan: CellPlan;
  hits: number;
}

/**
 * The main arithmetic's best plan, unless the column is clearly another's. The nearest double of a sum
 * hides small changes, so a few rows more are no reason for it.
 */
function chosen(scores: readonly Score[], main: Arithmetic, slack: number, isEndless: boolean): CellPlan {
  const best = scores.reduce((a, b) => (b.hits > a.hits ? b : a));
  const own = scores.filter(({ plan }) => plan.arithmetic === main);
  const isHiding = ({ plan }: Score) => plan.arithmetic === "decimal" && plan.rounding.to === "double" && !isEndless;
  const least = (a: Score, b: Score) => (a.hits > 0 && isHiding(b) ? slack : 0);
  const ours = own.length === 0 ? best : own.reduce((a, b) => (b.hits - a.hits > least(a, b) ? b : a));
  return best.hits - ours.hits > slack ? best.plan : ours.plan;
}

function scoresOf(
  name: AuditColumn,
  type: CellType,
  samples: readonly Sample[],
  known: { arithmetic?: Arithmetic; hasBatches: boolean },
  slack: number,
): Score[] {
  const score = (plan: CellPlan): Score => ({
    plan,
    hits: samples.filter(({ cells, values }) => isReproduced(cells.get(name)!, name, type, plan, values)).length,
  });
  const isKnown = ({ arithmetic }: CellPlan) => known.arithmetic === undefined || arithmetic === known.arithmetic;
  const places = placesOf(name, samples);
  const strict = strictPlans(name, type, places, known.hasBatches).filter(isKnown).map(score);
  const most = Math.max(0, ...strict.map(({ hits }) => hits));
  if (samples.length - most <= slack || !isNumeric(name)) return strict;
  const loose = loosePlans(type, places).filter(isKnown).map(score);
  const better = loose.filter(({ hits }) => hits - most > slack);
  return better.length === 0 ? strict : [...strict, ...better];
}

/** Digits after the point in the column's longest text. */
function placesOf(name: AuditColumn, samples: readonly Sample[]): number {
  return samples.reduce((most, { cells }) => Math.max(most, cells.get(name)?.decimal?.scale ?? 0), 0);
}

/** From the strictest to those that hide most; the first of equals is chosen. */
function strictPlans(name: AuditColumn, type: CellType, places: number, hasBatches: boolean): CellPlan[] {
  const decimal = (rounding: Rounding): CellPlan => ({ arithmetic: "decimal", rounding });
  const exact = decimal({ to: "exact" });
  if (!isNumeric(name)) {
    const float = (arithmetic: "float64" | "float32"): CellPlan => ({ arithmetic, order: "one_pass", places: null });
    return [exact, float("float64"), float("float32")];
  }
  const ties = ["up", "even", "down"] as const;
  const rounded = [
    ...ties.map((tie) => decimal({ to: "places", n: places, tie })),
    ...(QUOTIENTS.includes(name) ? [28, 34, 16] : []).flatMap((n) =>
      ties.map((tie) => decimal({ to: "digits", n, tie })),
    ),
  ];
  const orders: SumOrder[] = [...(hasBatches ? (["batches"] as const) : []), "one_pass", "compensated"];
  const floats = (["float64", "float32"] as const).flatMap((arithmetic) =>
    orders.map((order): CellPlan => ({ arithmetic, order, places: null })),
  );
  if (type === "decimal" || type === "integer") return [exact, ...rounded];
  const nearest = [decimal({ to: "double" }), ...(type === "float32" ? [decimal({ to: "float" })] : [])];
  return QUOTIENTS.includes(name) || type !== "untyped"
    ? [exact, ...nearest, ...floats, ...rounded]
    : [exact, ...floats, ...nearest, ...rounded];
}

/** Sums in an unknown order, and floats that were rounded for people. */
function loosePlans(type: CellType, places: number): CellPlan[] {
  if (type === "decimal" || type === "integer") return [];
  const both = ["float64", "float32"] as const;
  const any = both.map((arithmetic): CellPlan => ({ arithmetic, order: "any", places: null }));
  if (places > ROUNDED_PLACES_MAX) return any;
  return [...any, ...both.map((arithmetic): CellPlan => ({ arithmetic, order: "one_pass", places }))];
}

/**
 * How a cell compares with an exact value. A sum in a column of text has all its digits or differs;
 * in a column of doubles, and for endless quotients, the nearest double is equal.
 */
function equality(
  name: AuditColumn,
  type: CellType,
  plan: CellPlan,
  samples: readonly Sample[],
  scores: readonly Score[],
): Rounding {
  const isEndless = QUOTIENTS.includes(name);
  if (plan.arithmetic === "decimal" && (plan.rounding.to !== "double" || isEndless || type === "float64"))
    return plan.rounding;
  if (plan.arithmetic !== "decimal" && plan.places !== null) {
    const rounded = scores.filter((s) => s.plan.arithmetic === "decimal" && s.plan.rounding.to === "places");
    return rounded.some(({ hits }) => hits * 2 > samples.length) ? { to: "places", n: plan.places, tie: "up" } : EXACT;
  }
  if (type === "float32") return { to: "float" };
  return isEndless || type === "float64" ? { to: "double" } : EXACT;
}
const EXACT: Rounding = { to: "exact" };
