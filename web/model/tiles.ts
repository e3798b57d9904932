/** The five tiles of the first screen: one question each, both pipelines' figures on one scale. */
import type { Figure, Measure } from "./figures.ts";

/** One pipeline's answer to a tile's question. */
export interface TileSide {
  /** In the unit of the tile; null: not measured, which has a `reason`. */
  value: number | null;
  /** Other figures of the same measure and span, by their names in the measure. */
  more: Record<string, number>;
  reason: string;
}

/** Which pipeline is better, and how many times; 1: their figures are equal, or nearly. */
interface Ratio {
  better: "stream" | "batch" | null;
  times: number;
}

export interface Tile {
  name: "soon" | "fresh" | "complete" | "costly";
  /** The same for both pipelines: figures of different spans are never compared. */
  span: string;
  /** Whose clock the durations are of, for example `recording time`; "" where it does not matter. */
  clock: string;
  stream: TileSide;
  batch: TileSide;
  /** What the longest bar stands for; bars begin at 0 and are proportional. */
  scale: number;
  ratio: Ratio | null;
}

/** A ratio nearer to 1 than this is not called a difference. */
const NEARLY = 1.05;
/** Fewer ticks than this do not make a cost per million: a process's start would be most of it. */
const COST_TICKS_MIN = 10_000;
const SPANS = ["last 5 minutes", "since start"] as const;

const COST = "cpu_seconds_per_million_ticks";
/** The measure that a tile shows, and which of its figures. */
const FIGURES: Record<Tile["name"], [word: string, figure: string]> = {
  soon: ["pipeline latency", "p50_ms"],
  fresh: ["age", "mean_ms"],
  complete: ["completeness", "share"],
  costly: ["cost", COST],
};

/**
 * A tile that compares figures. After the feed's end they are of the whole run: the last minutes are
 * those of pipelines at rest.
 */
export function tileOf(measures: readonly Measure[], name: Tile["name"], hasEnded: boolean): Tile {
  const [word, figure] = FIGURES[name];
  return tile(name, pairOf(measures, word, figure, hasEnded ? SPANS.toReversed() : SPANS), figure);
}

/** A measure over one span: the first that both pipelines have, else that which one has. */
function pairOf(
  measures: readonly Measure[],
  word: string,
  name: string,
  spans: readonly string[],
): Measure & { span: string } {
  const found = spans.map((span) => ({ ...measureOf(measures, `${word}, ${span}`), span }));
  const known = ({ stream, batch }: Measure) =>
    [stream, batch].filter((figure) => steady(figure).values?.[name] !== undefined).length;
  return found.find((one) => known(one) === 2) ?? found.find((one) => known(one) === 1) ?? found[0]!;
}

function measureOf(measures: readonly Measure[], word: string): Measure {
  const missing: Figure = { values: null, note: "it is not measured" };
  return measures.find((measure) => measure.word === word) ?? { word, definition: "", stream: missing, batch: missing };
}

/** A cost of few ticks is none: the start of a process costs more than they do. */
export function steady(figure: Figure): Figure {
  const ticks = figure.values?.ticks;
  const isCost = figure.values?.[COST] !== undefined;
  if (!isCost || ticks === undefined || ticks >= COST_TICKS_MIN) return figure;
  return {
    values: null,
    note: `${counted(ticks)} ticks so far; shown from ${counted(COST_TICKS_MIN)} on`,
  };
}

function counted(ticks: number): string {
  return Math.round(ticks).toLocaleString("en");
}

function tile(name: Tile["name"], measure: Measure & { span: string }, figure: string): Tile {
  const [stream, batch] = [side(steady(measure.stream), figure), side(steady(measure.batch), figure)];
  const perfect = stream.more.perfect_mean_ms ?? 0;
  const values = [stream.value ?? 0, batch.value ?? 0, perfect];
  const isShare = figure === "share";
  return {
    name,
    span: measure.span,
    clock: /(recording|wall) time/.exec(`${measure.stream.note} ${measure.batch.note}`)?.[0] ?? "",
    stream,
    batch,
    scale: isShare ? Math.max(1, ...values) : Math.max(...values),
    ratio: isShare ? null : ratioOf(stream.value, batch.value),
  };
}

function side({ values, note }: Figure, name: string): TileSide {
  const { [name]: value = null, ...more } = values ?? {};
  return { value, more, reason: value === null ? note || "it is not measured" : "" };
}

/** Of figures of which the smaller is better; null if one is not known, or is 0. */
export function ratioOf(stream: number | null, batch: number | null): Ratio | null {
  if (stream === null || batch === null || stream <= 0 || batch <= 0) return null;
  const times = Math.max(stream / batch, batch / stream);
  if (times < NEARLY) return { better: null, times: 1 };
  return { better: stream < batch ? "stream" : "batch", times };
}
