/** The matrix as a table for people, its wrong cells, and its score. */
import { type Cell, nameOf, type Verdict } from "./cell-judge.ts";
import type { Outcome } from "./verify-run.ts";

const COLUMNS = ["latency", "age", "lag", "finality", "completeness", "agreement", "cost", "other"] as const;

interface Score {
  cells: number;
  right: number;
  /** Cells whose truth this machine can't measure. */
  unknown: number;
  wrong: { scenario: string; cell: string; row: string | null; expected: string; seen: string }[];
  /** Scenarios that could not be run, with the reason. */
  failed: { scenario: string; error: string }[];
}

export function scoreOf(outcomes: readonly Outcome[]): Score {
  const score: Score = { cells: 0, right: 0, unknown: 0, wrong: [], failed: [] };
  for (const outcome of outcomes) {
    const scenario = outcome.scenario.name;
    if ("error" in outcome) score.failed.push({ scenario, error: outcome.error });
    else
      for (const { cell, right, expected, seen } of outcome.verdicts) {
        if (right === null) score.unknown++;
        else score.cells++;
        if (right) score.right++;
        if (right === false) score.wrong.push({ scenario, cell: nameOf(cell), row: cell.row ?? null, expected, seen });
      }
  }
  return score;
}

/** One row per scenario, one column per measure; then what is wrong, and the score. */
export function report(outcomes: readonly Outcome[]): string {
  const { cells, right, unknown, wrong, failed } = scoreOf(outcomes);
  const width = Math.max(...outcomes.map(({ scenario }) => scenario.name.length));
  const head = ["".padEnd(width), ...COLUMNS].join("  ");
  const rows = outcomes.map((outcome) => {
    const name = outcome.scenario.name.padEnd(width);
    if ("error" in outcome) return `${name}  ${outcome.error}`;
    const signs = COLUMNS.map((column) => signOf(column, outcome.verdicts).padEnd(column.length));
    return `${[name, ...signs].join("  ")}  ${outcome.seconds.toFixed(0)} s, ${outcome.truths.noise.toFixed(0)} ms`;
  });
  const lines = wrong.map((one) => {
    const row = one.row === null ? "" : ` [${one.row}]`;
    return `${one.scenario}: ${one.cell}${row}\n  expected ${one.expected}\n  seen     ${one.seen}`;
  });
  const without = failed.length === 0 ? "" : `, ${failed.length} scenarios failed`;
  const unasked = unknown === 0 ? "" : `, ${unknown} not measured on this machine`;
  return [
    `${head}\n${rows.join("\n")}`,
    "+ moved as it must, = did not move, ! wrong, · no cell; ms: what the machine's own slowness adds to the bounds of times",
    ...lines,
    `${right} of ${cells} cells are right${unasked}${without}`,
  ].join("\n\n");
}

function signOf(column: (typeof COLUMNS)[number], verdicts: readonly Verdict[]): string {
  const own = verdicts.filter(({ cell, right }) => right !== null && columnOf(cell) === column);
  const of = (sign: string, matching: readonly Verdict[]) => sign.repeat(matching.length);
  const right = own.filter(({ right }) => right);
  const signs = [
    of(
      "+",
      right.filter(({ cell }) => cell.moves),
    ),
    of(
      "=",
      right.filter(({ cell }) => !cell.moves),
    ),
    of(
      "!",
      own.filter(({ right }) => !right),
    ),
  ].join("");
  return signs || "·";
}

function columnOf({ word, field }: Cell): (typeof COLUMNS)[number] {
  return COLUMNS.find((column) => (word || field).includes(column)) ?? "other";
}
