/** Repeats a measurement, alone or in pairs, and turns its runs into figures. */
import { disturbances, observe } from "./conditions.ts";
import { type BenchContext, type Figure, type RunRecord, round, type Skipped } from "./figure.ts";

export const NO_BROKER = "no broker: start one with `bun run test:kafka`, and pass its address with --log";

type Shape = Record<string, Pick<Figure, "unit" | "goal" | "at">>;
/** One value of each figure; null: too few samples for a percentile. */
type Values = Record<string, number | null>;

/** The values of a run that does not count, and why. */
export class InvalidRun {
  constructor(
    readonly values: Values,
    readonly why: string,
  ) {}
}

/** One thing that is measured in each run. */
export interface Side {
  shape: Shape;
  /** For the table of conditions. */
  part?: string;
  /** A broker works for it: processes that are not ours don't mark the run. */
  withBroker?: boolean;
  once(run: number): Promise<Values | InvalidRun>;
}

/** A figure of each pair: `of` ÷ `over`, which are figures of its sides. */
interface Ratio {
  figure: string;
  of: string;
  over: string;
  goal?: Figure["goal"];
}

/**
 * One value of each name per run. A run that a signal interrupts is left out, and ends the
 * measurement.
 */
export async function measure(
  bench: string,
  context: BenchContext,
  shape: Shape,
  once: Side["once"],
  options: Pick<Side, "part" | "withBroker"> = {},
): Promise<Figure[]> {
  return measureSides(bench, context, [{ shape, once, ...options }], []);
}

/** The embedded log alone or, with a broker, both logs in pairs. */
export async function onBothLogs(
  bench: string,
  context: BenchContext,
  side: (kind: "embedded" | "kafka") => Side,
  ratios: readonly Ratio[],
): Promise<(Figure | Skipped)[]> {
  const embedded = side("embedded");
  if (context.kafka === null)
    return [
      ...(await measureSides(bench, context, [embedded], [])),
      { bench: `${bench} on Kafka`, skipped: NO_BROKER },
    ];
  return measureSides(bench, context, [embedded, { ...side("kafka"), withBroker: true }], ratios);
}

/**
 * One side, or two in the order ABBA: a drift of the machine moves both alike. `ratios` are of the two
 * runs of one pair, if both count.
 */
export async function measureSides(
  bench: string,
  context: BenchContext,
  sides: readonly Side[],
  ratios: readonly Ratio[],
): Promise<Figure[]> {
  const records = sides.map((): RunRecord[] => []);
  const { runs, signal } = context;
  for (let run = 0; run < runs && !signal.aborted; run++) {
    const order = run % 2 === 0 ? sides.keys() : [...sides.keys()].reverse();
    for (const i of order) {
      const record = signal.aborted ? null : await oneRun(bench, context, sides[i]!, run);
      if (record === null) break;
      records[i]!.push(record);
      context.records.push(record);
    }
  }
  const figures = sides.flatMap(({ shape }, i) => figuresOf(bench, shape, records[i]!));
  const found = records.every((one) => one.length === 0) ? [] : ratios.map((one) => ratioOf(bench, one, records));
  return [...figures, ...found];
}

async function oneRun(bench: string, context: BenchContext, side: Side, run: number): Promise<RunRecord | null> {
  const { shape, part = "", withBroker = false } = side;
  const conditions = observe();
  const result = await side.once(run).catch((error) => {
    if (context.signal.aborted) return null;
    throw error;
  });
  if (result === null) return null;
  const [values, invalid] = result instanceof InvalidRun ? [result.values, result.why] : [result, null];
  const seen = conditions();
  const disturbed = disturbances(seen, withBroker);
  const notes = [...(invalid === null ? [] : [`invalid: ${invalid}`]), ...disturbed];
  const suffix = notes.length === 0 ? "" : ` (${notes.join("; ")})`;
  context.logger.info(`${bench}, run ${run + 1} of ${context.runs}: ${shown(values, shape)}${suffix}`);
  return { bench, part, run: run + 1, values, invalid, conditions: seen, disturbed };
}

function figuresOf(bench: string, shape: Shape, records: readonly RunRecord[]): Figure[] {
  if (records.length === 0) return [];
  return Object.entries(shape).map(([figure, rest]) => {
    const valid = records.filter(({ invalid }) => invalid === null);
    const values = valid.flatMap((record) => record.values[figure] ?? []);
    return { bench, figure, ...rest, values, invalid: records.length - valid.length };
  });
}

/** The pairs are found by the run's number: a side may lack its last run after a signal. */
function ratioOf(bench: string, { figure, of, over, goal }: Ratio, records: readonly RunRecord[][]): Figure {
  const pairs = Map.groupBy(records.flat(), ({ run }) => run);
  const isValid = (pair: RunRecord[]) => pair.every(({ invalid }) => invalid === null);
  const values = [...pairs.values()].filter(isValid).flatMap((pair) => {
    const inPair = (name: string) => pair.flatMap((record) => record.values[name] ?? [])[0];
    const [a, b] = [inPair(of), inPair(over)];
    return a === undefined || !b ? [] : [a / b];
  });
  const invalid = [...pairs.values()].filter((pair) => !isValid(pair)).length;
  return { bench, figure, unit: "×", values, invalid, goal, isRatio: true };
}

function shown(values: Values, shape: Shape): string {
  return Object.entries(shape)
    .map(([name, { unit }]) => {
      const value = values[name] ?? null;
      return `${name} ${value === null ? "without a value" : `${round(value)} ${unit}`}`;
    })
    .join(", ");
}
