/** The whole matrix: its scenarios a few at a time, and the score. */

import { sentence } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { MATRIX, type Scenario } from "./matrix.ts";
import { runScenario, type ScenarioResult } from "./scenario-run.ts";

/** Scenarios at once: they mostly wait. */
const AT_ONCE = 3;

export interface VerifyOptions {
  short?: boolean;
  /** Names of scenarios; all without it. */
  only?: Scenario[];
}

/** A scenario that was run, or why it could not be. */
export type Outcome = ScenarioResult | { scenario: Scenario; error: string };

/** In the order of the matrix. */
export async function runMatrix(options: VerifyOptions, logger: Logger, signal: AbortSignal): Promise<Outcome[]> {
  const scenarios = options.only ?? MATRIX;
  // The longest first, so that none is left alone at the end.
  const length = options.short ? "short" : "whole";
  const total = ({ seconds }: Scenario) => seconds[length].reduce((sum, one) => sum + one, 0);
  const queue = scenarios.toSorted((a, b) => total(b) - total(a));
  const outcomes = new Map<Scenario, Outcome>();
  const work = async () => {
    for (let next = queue.shift(); next !== undefined && !signal.aborted; next = queue.shift()) {
      const scenario = next;
      logger.debug(`${scenario.name}: ${scenario.truth}`);
      const outcome = await runScenario(scenario, length, signal).catch((error) => ({
        scenario,
        error: sentence(error),
      }));
      outcomes.set(scenario, outcome);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return scenarios.flatMap((scenario) => outcomes.get(scenario) ?? []);
}
