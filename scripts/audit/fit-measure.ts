/** How rows are judged digit for digit under an engine; of engines that tie, the one that makes most. */
import type { RowStyle } from "./arithmetic-ends.ts";
import type { Answers } from "./audit-types.ts";
import type { AuditWindow } from "./engine-windows.ts";
import { readCell } from "./fit-cells.ts";
import { planColumns, type Sample, slackOf } from "./fit-columns.ts";
import type { Evidence, Fit } from "./fit-model.ts";
import { rowStyle } from "./fit-style.ts";
import { clockOf } from "./late-clock.ts";
import { isMade } from "./name-outcome.ts";
import type { Measure } from "./name-rules.ts";

/** Rows by which the plans of columns are chosen, and by which tied engines are compared. */
const SAMPLES_MAX = 400;

/** The first of the tied engines that makes most rows in every digit. */
export function bestMeasure(
  evidence: Evidence,
  fits: readonly Fit[],
  answers: Answers,
): { fit: Fit; measure: Measure } {
  const rows = spread(evidence.windows.filter(({ row }) => row !== null));
  let best: { fit: Fit; measure: Measure; score: number } | null = null;
  for (const fit of fits) {
    const measure = measureOf(evidence, fit, answers);
    const made = rows.filter((window) => isMade(measure, evidence, fit, window)).length;
    const isLoose = measure.plans.some(({ plan }) => plan.arithmetic !== "decimal" && plan.order === "any");
    // What sums in an unknown order make counts less than what is made bit for bit.
    const score = made - (isLoose ? slackOf(rows.length) + 0.5 : 0);
    if (best === null || score > best.score) best = { fit, measure, score };
    if (score === rows.length) break;
  }
  return best!;
}

function measureOf(evidence: Evidence, fit: Fit, answers: Answers): Measure {
  const { log } = evidence;
  const style = rowStyle(evidence, fit, answers.columns);
  const plans = planColumns(answers.columns, samplesOf(evidence, fit, style, answers), {
    hasBatches: fit.clock.batch !== null,
    isOrderKnown: fit.engine.lateness.kind !== "suffix",
  });
  const unbroken = fit.restarts.length === 0 ? null : clockOf(log, fit.engine, fit.lag);
  return { log, engine: fit.engine, clock: fit.clock, unbroken, style, plans };
}

function samplesOf(evidence: Evidence, fit: Fit, style: RowStyle, answers: Answers): Sample[] {
  const isEarly = evidence.emitsEarly(fit);
  const fitting = evidence.windows.filter((one) => one.row !== null && evidence.isReproduced(fit, one, isEarly));
  return spread(fitting).map((window) => ({
    cells: new Map(answers.columns.map(({ name }) => [name, readCell(window.row!.cells[name] ?? null)])),
    values: evidence.values(window, sampleMembers(evidence, fit, window), style, fit.clock.batch),
  }));
}

function sampleMembers(evidence: Evidence, fit: Fit, window: AuditWindow): number[] {
  const members = evidence.members(fit, window);
  return evidence.fitsRow(fit, window, members) ? members : window.exact;
}

/** At most SAMPLES_MAX of them, evenly spread. */
function spread(windows: readonly AuditWindow[]): AuditWindow[] {
  const step = Math.max(1, windows.length / SAMPLES_MAX);
  return Array.from({ length: Math.min(SAMPLES_MAX, windows.length) }, (_, i) => windows[Math.floor(i * step)]!);
}
