/** Judges a cell: what the page's figures must be, by what was done to the path, and what they are. */

/** A row of /api/comparison. */
export interface Word {
  word: string;
  definition: string;
  stream: Shown;
  batch: Shown;
}

interface Shown {
  values: Record<string, unknown> | null;
  note: string;
}

/** What the page answered at one moment. */
export interface Sample {
  phase: "before" | "during" | "after";
  words: Word[];
  /** The same of the quiet product. */
  quiet: Word[];
  /** Of /metrics: value by name and labels; and of /api/windows `missing_trade_ids`. */
  families: Record<string, number>;
}

/** What is known of a scenario without asking Tidemark. */
export type Truths = Partial<Record<TruthName, number>> & { held: number; noise: number };
/**
 * Milliseconds: `held`, the fault; `noise`, by which the machine may be slow; `soon`, what is no
 * fault; `gap`, the longest time from the start of a run to the end of the next; `rest`, from end to
 * end; `overdue`, held + gap; `silent`, since the quiet product's tick; `skew`, the exchange's clock −
 * ours. Of the feed: `ticks` in windows that are closed at its end, and those of them that came too
 * `late`; those `dropped` and sent `twice`; `rate` per second. Of the machine: bytes on disk, bytes
 * `written` per tick, CPU-seconds per million ticks, processors that others use.
 */
export type TruthName =
  | ("held" | "noise" | "soon" | "gap" | "rest" | "overdue" | "silent" | "skew")
  | ("ticks" | "late" | "dropped" | "twice" | "rate")
  | ("disk_bytes" | "written" | "stream_cost" | "batch_cost" | "unattributed_cores");

/** A number, or a truth × a share + a number. */
export type Bound = number | readonly [truth: TruthName, share: number, plus?: number];

/** Every condition that is given must hold. */
export interface Wanted {
  least?: Bound;
  most?: Bound;
  /** Part of the reason why there is no figure; with bounds, either is right. */
  none?: string;
  /** Part of the row's definition or note. */
  text?: string;
}

/** When a figure is read: its last value in a phase; all values; its change over the fault. */
export type When =
  | ("during" | "after" | "always")
  /** The last value after the fault − the last one before it. */
  | "change"
  /** The last value in the fault − the first one in it. */
  | "drift"
  /** Each value in the fault ÷ the last one before it. */
  | "ratio";

/** One cell of the matrix. */
export interface Cell {
  /** A row of /api/comparison; "" where `field` is a name of /metrics. */
  word: string;
  side: "stream" | "batch";
  field: string;
  /** This field of the same row is subtracted, or divides. */
  minus?: string;
  over?: string;
  /** The figure of the quiet product. */
  quiet?: true;
  when: When;
  wanted: Wanted;
  /** The fault must be seen here; otherwise the figure must not move. */
  moves?: true;
  /** Rows of the table of faults in docs/measures.md. */
  row?: string;
}

/** `right` null: the machine can't be asked for this truth. */
export interface Verdict {
  cell: Cell;
  right: boolean | null;
  expected: string;
  seen: string;
}

export function judge(cell: Cell, samples: readonly Sample[], truths: Truths): Verdict {
  const { wanted } = cell;
  // A stall of the machine is not one of the path.
  const noise = truths.noise * unitOf(cell);
  const bounds = { least: amount(wanted.least, truths, -noise), most: amount(wanted.most, truths, noise) };
  const isUnknown = (bound: Bound | undefined, value: number | null) => bound !== undefined && value === null;
  const isBound = bounds.least !== null || bounds.most !== null;
  // Without its lower bound a figure that must grow could be anything.
  if (isUnknown(wanted.least, bounds.least) || (isUnknown(wanted.most, bounds.most) && !isBound))
    return { cell, right: null, expected: "not measured on this machine", seen: "" };
  const expected = described(wanted, bounds);
  if (wanted.text !== undefined) {
    const text = samples.findLast(({ phase }) => phase === "after");
    const row = rowOf(cell, text);
    const seen = row === undefined ? reason(cell, samples) : `${row.definition} ${row[cell.side].note}`;
    return { cell, right: seen.includes(wanted.text), expected, seen };
  }
  const values = valuesAt(cell, samples);
  if (values.length > 0) {
    const isIn = (value: number) => value >= (bounds.least ?? -Infinity) && value <= (bounds.most ?? Infinity);
    const wrong = values.find((value) => !isIn(value));
    return { cell, right: isBound && wrong === undefined, expected, seen: shown(wrong ?? values.at(-1)!) };
  }
  const why = reason(cell, samples);
  return { cell, right: wanted.none !== undefined && why.includes(wanted.none), expected, seen: why };
}

/** What a millisecond is in the unit of the figure, if it is a time; else 0. */
function unitOf({ field }: Cell): number {
  if (field.endsWith("_ms")) return 1;
  return /_(age|lag|freshness)_seconds\b/.test(field) ? 0.001 : 0;
}

/** Null without a bound, and for a truth that is not known. */
function amount(bound: Bound | undefined, truths: Truths, noise: number): number | null {
  if (bound === undefined) return null;
  if (typeof bound === "number") return bound + noise;
  const [name, share, plus = 0] = bound;
  const truth = truths[name];
  return truth === undefined ? null : truth * share + plus + noise;
}

function valuesAt(cell: Cell, samples: readonly Sample[]): number[] {
  const of = (...phases: Sample["phase"][]) =>
    samples.filter(({ phase }) => phases.includes(phase)).flatMap((sample) => read(cell, sample) ?? []);
  const [before, during] = [of("before").at(-1), of("during")];
  const lastOf = (phase: Sample["phase"]) => {
    const last = samples.findLast((sample) => sample.phase === phase);
    return (last && read(cell, last)) ?? null;
  };
  switch (cell.when) {
    case "always":
      return of("before", "during", "after");
    case "change": {
      const after = lastOf("after");
      return before === undefined || after === null ? [] : [after - before];
    }
    case "drift":
      return during.length < 2 ? [] : [during.at(-1)! - during[0]!];
    case "ratio":
      return before === undefined ? [] : during.map((value) => value / before);
    default: {
      const value = lastOf(cell.when);
      return value === null ? [] : [value];
    }
  }
}

/** The figure in one answer; null when there is none. */
function read(cell: Cell, sample: Sample): number | null {
  if (cell.word === "") return sample.families[cell.field] ?? null;
  const values = rowOf(cell, sample)?.[cell.side].values ?? {};
  const number = (name: string | undefined, otherwise: number) =>
    name === undefined ? otherwise : typeof values[name] === "number" ? (values[name] as number) : null;
  const [value, minus, over] = [number(cell.field, 0), number(cell.minus, 0), number(cell.over, 1)];
  return value === null || minus === null || over === null ? null : (value - minus) / over;
}

const rowOf = (cell: Cell, sample: Sample | undefined) =>
  sample?.[cell.quiet ? "quiet" : "words"].find(({ word }) => word === cell.word);

function reason(cell: Cell, samples: readonly Sample[]): string {
  const phase = cell.when === "during" || cell.when === "drift" || cell.when === "ratio" ? "during" : "after";
  const last = samples.findLast((sample) => sample.phase === phase);
  if (last === undefined) return `no answer ${phase} the fault`;
  if (cell.word === "") return `/metrics has no ${cell.field}`;
  const row = rowOf(cell, last);
  if (row === undefined) return `/api/comparison has no "${cell.word}"`;
  const { values, note } = row[cell.side];
  return values === null ? note : `no ${cell.field} in ${JSON.stringify(values)}`;
}

function described(wanted: Wanted, { least, most }: { least: number | null; most: number | null }): string {
  const parts = [
    least !== null && least === most ? `exactly ${shown(least)}` : "",
    least !== null && least !== most ? `at least ${shown(least)}` : "",
    most !== null && least !== most ? `at most ${shown(most)}` : "",
  ].filter(Boolean);
  const bounds = parts.join(" and ");
  const none = wanted.none === undefined ? "" : `no figure, because "…${wanted.none}…"`;
  const text = wanted.text === undefined ? "" : `the text "${wanted.text}"`;
  return [bounds, none, text].filter(Boolean).join(", or ");
}

const shown = (value: number) => String(Number(value.toPrecision(6)));

/** What a cell is about, in words. */
export function nameOf({ word, side, field, minus, over, quiet, when }: Cell): string {
  const figure = [field, minus && `− ${minus}`, over && `÷ ${over}`].filter(Boolean).join(" ");
  return word === "" ? `${figure} (${when})` : `${side}${quiet ? ", quiet product" : ""}: ${word}: ${figure} (${when})`;
}
