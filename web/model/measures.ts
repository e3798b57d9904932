/** One row of the table of measures: its name, its definition and both pipelines' figures. */

export interface Figure {
  /** Units are in the names; null when it was not measured. */
  values: Record<string, number> | null;
  /** Why it was not measured; otherwise what else to know. */
  note: string;
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
