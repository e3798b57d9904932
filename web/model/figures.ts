/** One row of the table of measures: its name, its definition and both pipelines' figures. */

export interface Figure {
  /** Units are in the names; null when it was not measured. */
  values: Record<string, number> | null;
  /** Why it was not measured; otherwise what else to know. */
  note: string;
  /** Of an age: the share of time in which it was above each of some values. */
  curve?: [above_ms: number, share_of_time: number][];
}

/** One measure. The API calls its name `word`. */
export interface Measure {
  word: string;
  definition: string;
  stream: Figure;
  batch: Figure;
}

/** A figure that was not measured, and why. */
export function none(note: string): Figure {
  return { values: null, note };
}

/** The same figure of both pipelines. */
export function both(one: Figure): Pick<Measure, "stream" | "batch"> {
  return { stream: one, batch: one };
}

/** A figure of the values that are known; a percentile with too few samples is absent. */
export function figure(values: Record<string, number | null>, notes: string[] = []): Figure {
  const known = Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== null);
  return { values: Object.fromEntries(known), note: notes.filter(Boolean).join("; ") };
}

/** Milliseconds; null stays. */
export function ms(us: number | null): number | null {
  return us === null ? null : us / 1_000;
}
