/** How each column was computed: one plan for all its rows, so that no cell gets a rule of its own. */
import type { Rounding } from "./arithmetic-decimal.ts";
import { LIBRARY_ORDERS, NARROW_ORDERS, type SumOrder } from "./arithmetic-order.ts";
import type { Answers, AuditColumn, CellType } from "./audit-types.ts";
import { type Cell, type CellPlan, isNumeric, isReproduced, QUOTIENTS, type RowValues, SUMS } from "./fit-cells.ts";

/** A column with its plan, and how its cells compare with exact values. */
export interface ColumnPlan {
  name: AuditColumn;
  type: CellType;
  plan: CellPlan;
  /**
   * Of sums in an unknown order, or in one that few rows ask for: the best plan otherwise. A row that
   * only `plan` makes is not proved.
   */
  strict: CellPlan | null;
  /** By which a cell is equal to the exact value, digit for digit or rounded to its column. */
  equal: Rounding;
}

/** A row whose members are known, as evidence for the plans. */
export interface Sample {
  cells: ReadonlyMap<AuditColumn, Cell>;
  values: RowValues;
}

/** What is known of the engine before its columns are. */
interface Known {
  /** A trace has the batches in which sums were made. */
  hasBatches: boolean;
  /** By the suffix rule nothing is known of the order of summing. */
  isOrderKnown: boolean;
}

/** A plan that is less strict must explain more rows than this share of them, and more than one. */
const SLACK_SHARE = 0.1;
/** Rows by which an order of a library is tried. */
const FIRST_SAMPLES = 40;
/** Cells that an order of a library must make beyond those of usual plans; one may be a changed digit. */
const LIBRARY_GAIN_MIN = 2;
const SPECIAL_ORDERS: readonly SumOrder[] = ["compensated", ...LIBRARY_ORDERS, ...NARROW_ORDERS];
/** Digits after the point up to which a column of floats is taken for rounded. */
const ROUNDED_PLACES_MAX = 12;

/** And the least unit of the last place, relative to the value, that hides all errors of doubles. */
const ROUNDED_RELATIVE = 2 ** -42;

export function slackOf(rows: number): number {
  return Math.max(1, Math.floor(rows * SLACK_SHARE));
}

export function planColumns(columns: Answers["columns"], samples: readonly Sample[], known: Known): ColumnPlan[] {
  const slack = slackOf(samples.length);
  const judged = columns.map(({ name, type }) => ({ name, type, scores: scoresOf(name, type, samples, known, slack) }));
  const main = mainKind(judged, samples);
  const isShown = judged.some(({ scores }) => isOrderShown(scores, samples.length));
  const planned = judged.map(({ name, type, scores }) => {
    // A ratio of counts is doubles in most engines, of decimals too.
    const all = [...scores, ...roundedFloats({ name, type }, main, samples)];
    const plan = chosen(all, main, name === "buy_sell_ratio" ? 0 : slack);
    return { name, type, plan, scores, equal: equality(name, type, plan, samples, all) };
  });
  const isGuess = guessedOrders(planned);
  return planned.map(({ scores, ...one }) => {
    const { plan } = one;
    const strict = isOpen(plan) ? stricter(scores, main, samples, { ...known, isShown }) : null;
    return { ...one, strict: isGuess.has(plan) ? usualBest(plan, scores)!.plan : strict };
  });
}

/**
 * The arithmetic of most cells. Floats that were rounded for people count if they make clearly more
 * and some column has floats in full which decimals do not make.
 */
function mainKind(
  columns: readonly { name: AuditColumn; type: CellType; scores: readonly Score[] }[],
  samples: readonly Sample[],
): Kind {
  const counted = columns.filter(({ name }) => isNumeric(name) && name !== "buy_sell_ratio");
  const votes = (kind: Kind, isRounded: boolean) =>
    counted.reduce((sum, { name, type, scores }) => {
      const own = scores.filter(({ plan }) => kindOf(plan) === kind);
      const rounded = isRounded ? roundedFloats({ name, type }, kind, samples) : [];
      return sum + Math.max(0, ...[...own, ...rounded].map(({ hits }) => hits));
    }, 0);
  const most = (kinds: readonly Kind[], isRounded: boolean) =>
    kinds
      .map((kind) => ({ kind, count: votes(kind, isRounded) }))
      .reduce((best, one) => (one.count > best.count ? one : best));
  const plain = most(KINDS, false);
  if (plain.kind !== "decimal" && plain.kind !== "nearest") return plain.kind;
  const slack = slackOf(samples.length);
  const hitsOf = (scores: readonly Score[], isOf: (plan: CellPlan) => boolean) =>
    Math.max(0, ...scores.filter(({ plan }) => isOf(plan)).map(({ hits }) => hits));
  const isShown = (kind: Kind) =>
    counted.some(({ scores }) => {
      const full = hitsOf(scores, (plan) => kindOf(plan) === kind && !isOpen(plan));
      return full >= samples.length - slack && full - hitsOf(scores, (plan) => plan.arithmetic === "decimal") > slack;
    });
  const floats = (["float64", "float32"] as const).filter(isShown);
  const float = floats.length === 0 ? plain : most(floats, true);
  return float.count - plain.count > slack ? float.kind : plain.kind;
}

/** The main arithmetic's floats, where the column's places are far fewer than a double has. */
function roundedFloats(
  { name, type }: { name: AuditColumn; type: CellType },
  main: Kind,
  samples: readonly Sample[],
): Score[] {
  if (!isNumeric(name) || (main !== "float64" && main !== "float32")) return [];
  const places = placesOf(name, samples);
  const greatest = samples.reduce((most, { cells }) => Math.max(most, Math.abs(cells.get(name)?.number || 0)), 0);
  if (10 ** -places < greatest * ROUNDED_RELATIVE) return [];
  return loosePlans(type, places)
    .filter((plan) => plan.arithmetic === main && !isOpen(plan))
    .map((plan) => scoreOf(plan, name, type, samples));
}

const isOpen = (plan: CellPlan) => plan.arithmetic !== "decimal" && plan.order === "any";

/**
 * The best plan of a known order, if the rows that it does not make need another proof than that an
 * unknown order can make them: it makes three quarters, more than what chance does for any careful
 * order; or half, if another column shows a known order; or the whole answer is of decimals.
 */
function stricter(
  scores: readonly Score[],
  main: Kind,
  samples: readonly Sample[],
  known: Known & { isShown: boolean },
): CellPlan | null {
  const isOfDecimals = main === "decimal" || main === "nearest";
  const of = scores.filter(({ plan }) => (isOfDecimals ? plan.arithmetic === "decimal" : !isOpen(plan)));
  if (of.length === 0) return null;
  const best = of.reduce((a, b) => (b.hits > a.hits ? b : a));
  const least = samples.length * (known.isShown ? 0.5 : 0.75);
  return isOfDecimals || (known.isOrderKnown && best.hits > least) ? best.plan : null;
}

/**
 * Plans in an order of a library that makes hardly more cells than usual plans, of all columns with
 * it: among many orders one may make a last digit that was changed.
 */
function guessedOrders(planned: readonly { plan: CellPlan; scores: readonly Score[] }[]): Set<CellPlan> {
  const ofLibraries = planned.flatMap(({ plan, scores }) => {
    const usual = isOfLibrary(plan) ? usualBest(plan, scores) : null;
    if (usual === null || plan.arithmetic === "decimal") return [];
    const own = scores.find((one) => one.plan === plan)?.hits ?? 0;
    return [{ plan, order: plan.order, gain: own - usual.hits }];
  });
  const groups = [...Map.groupBy(ofLibraries, ({ order }) => order).values()];
  const guessed = groups.filter((list) => list.reduce((sum, { gain }) => sum + gain, 0) < LIBRARY_GAIN_MIN);
  return new Set(guessed.flat().map(({ plan }) => plan));
}

function isOfLibrary(plan: CellPlan): boolean {
  return plan.arithmetic !== "decimal" && SPECIAL_ORDERS.includes(plan.order);
}

/** The best plan of the same floats in log order or by Spark's batches. */
function usualBest({ arithmetic }: CellPlan, scores: readonly Score[]): Score | null {
  const usual = scores.filter(({ plan }) => plan.arithmetic === arithmetic && !isOfLibrary(plan) && !isOpen(plan));
  return usual.length === 0 ? null : usual.reduce((a, b) => (b.hits > a.hits ? b : a));
}

/** Whether one known order makes all rows of a column, and another one does not. */
function isOrderShown(scores: readonly Score[], rows: number): boolean {
  return (["float64", "float32"] as const).some((arithmetic) => {
    const own = scores.filter(({ plan }) => plan.arithmetic === arithmetic && !isOpen(plan));
    return own.some(({ hits }) => hits === rows) && own.some(({ hits }) => hits * 4 <= rows * 3);
  });
}

interface Score {
  plan: CellPlan;
  hits: number;
}

/** Kinds of arithmetic; `nearest`: an exact value that only its column holds as a float. */
const KINDS = ["decimal", "nearest", "float64", "float32"] as const;
type Kind = (typeof KINDS)[number];

function kindOf(plan: CellPlan): Kind {
  if (plan.arithmetic !== "decimal") return plan.arithmetic;
  return plan.rounding.to === "double" || plan.rounding.to === "float" ? "nearest" : "decimal";
}

/** The main arithmetic's best plan, unless the column is clearly another's. */
function chosen(scores: readonly Score[], main: Kind, slack: number): CellPlan {
  const best = scores.reduce((a, b) => (b.hits > a.hits ? b : a));
  const own = scores.filter(({ plan }) => kindOf(plan) === main);
  const ours = own.length === 0 ? best : own.reduce((a, b) => (b.hits > a.hits ? b : a));
  return best.hits - ours.hits > slack ? best.plan : ours.plan;
}

function scoresOf(name: AuditColumn, type: CellType, samples: readonly Sample[], known: Known, slack: number): Score[] {
  const score = (plan: CellPlan) => scoreOf(plan, name, type, samples);
  const places = placesOf(name, samples);
  const strict = strictPlans(name, type, places, known.hasBatches).map(score);
  const mostOf = (scores: readonly Score[]) => Math.max(0, ...scores.map(({ hits }) => hits));
  // Careful sums are often the nearest floats: beside columns of floats, an order makes them.
  const sums = strict.filter(({ plan }) => kindOf(plan) !== "nearest");
  if (mostOf(sums) === samples.length || !isNumeric(name)) return strict;
  const first = samples.slice(0, FIRST_SAMPLES);
  const isLikely = (plan: CellPlan) => scoreOf(plan, name, type, first).hits * 4 > first.length * 3;
  strict.push(...libraryPlans(name, type).filter(isLikely).map(score));
  const most = mostOf(strict);
  if (most === samples.length) return strict;
  const loose = loosePlans(type, places).map(score);
  const better = loose.filter(({ hits }) => hits - most > (known.isOrderKnown ? slack : 0));
  return better.length === 0 ? strict : [...strict, ...better];
}

function scoreOf(plan: CellPlan, name: AuditColumn, type: CellType, samples: readonly Sample[]): Score {
  const isHit = ({ cells, values }: Sample) => isReproduced(cells.get(name)!, name, type, plan, values);
  return { plan, hits: samples.filter(isHit).length };
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
  const isDecimal = (type === "decimal" || type === "integer") && name !== "buy_sell_ratio";
  if (isDecimal) return [exact, ...rounded];
  const nearest = [decimal({ to: "double" }), decimal({ to: "float" })];
  return QUOTIENTS.includes(name) || type !== "untyped"
    ? [exact, ...nearest, ...floats, ...rounded]
    : [exact, ...floats, ...nearest, ...rounded];
}

/** Sums in the orders of batch programs. */
function libraryPlans(name: AuditColumn, type: CellType): CellPlan[] {
  if (!SUMS.includes(name) || type === "decimal" || type === "integer") return [];
  const plan = (arithmetic: "float64" | "float32") => (order: SumOrder) => ({ arithmetic, order, places: null });
  return [...LIBRARY_ORDERS.map(plan("float64")), ...[...LIBRARY_ORDERS, ...NARROW_ORDERS].map(plan("float32"))];
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
  // A 32-bit float of an exact sum has lost digits: that is W1 in every kind of column.
  if (plan.arithmetic === "decimal" && plan.rounding.to === "float" && !isEndless) return EXACT;
  if (plan.arithmetic === "decimal" && (plan.rounding.to !== "double" || isEndless || type === "float64"))
    return plan.rounding;
  if (plan.arithmetic !== "decimal" && plan.places !== null) {
    const rounded = scores.filter((s) => s.plan.arithmetic === "decimal" && s.plan.rounding.to === "places");
    return rounded.some(({ hits }) => hits * 2 > samples.length) ? { to: "places", n: plan.places, tie: "up" } : EXACT;
  }
  if (type === "float32" && isEndless) return { to: "float" };
  return isEndless || type === "float64" ? { to: "double" } : EXACT;
}
const EXACT: Rounding = { to: "exact" };
