/** One finding of `doctor`: what was checked, what was found, and what to do about it. */
import { printable } from "../base/printable.ts";

export interface Finding {
  what: string;
  found: string;
  /** False: something does not work as it is. */
  ok: boolean;
  /** What to do when it is not ok; `doctor` prints none when it is. */
  advice: string;
}

/** Findings as a table for people. */
export function findingsTable(findings: readonly Finding[]): string {
  const rows = findings.map(({ what, found, advice }) => ({
    what: printable(what),
    found: printable(found),
    "what to do": printable(advice),
  }));
  return Bun.inspect.table(rows);
}
