/** The whole matrix: its scenarios a few at a time, and the score. */

import { sentence } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { removeAbandonedTemporary } from "../base/temporary.ts";
import { MATRIX, type Scenario } from "./matrix.ts";
import { FOLDER } from "./real-path.ts";
import { runScenario, type ScenarioResult } from "./scenario-run.ts";

/** Scenarios at once: they mostly wait. */
const AT_ONCE = 4;

export interface VerifyOptions {
  short?: boolean;
  /** Names of scenarios; all without it. */
  only?: Scenario[];
}

/** A scenario that was run, or why it could not be. */
export type Outcome = ScenarioResult | { scenario: Scenario; error: string };

/** A scenario is run again when the machine stalls for longer than this part of the fault. */
const DISTURBED = 0.3;
/** The same where the fault has no length, in milliseconds. */
const DISTURBED_MS = 1_200;
const TRIES = 3;

/** In the order of the matrix. */
export async function runMatrix(options: VerifyOptions, logger: Logger, signal: AbortSignal): Promise<Outcome[]> {
  removeAbandonedTemporary(FOLDER);
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
      outcomes.set(scenario, await undisturbed(scenario, length, logger, signal));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return scenarios.flatMap((scenario) => outcomes.get(scenario) ?? []);
}

/** The scenario's first run in which the machine did not stall for long. */
async function undisturbed(
  scenario: Scenario,
  length: "short" | "whole",
  logger: Logger,
  signal: AbortSignal,
): Promise<Outcome> {
  let error = "";
  for (let tries = 0; tries < TRIES && !signal.aborted; tries++) {
    try {
      const result = await runScenario(scenario, length, signal);
      const { stall_ms, truths } = result;
      if (stall_ms <= Math.max(DISTURBED_MS, DISTURBED * truths.held)) return result;
      error = `the machine stalled for ${stall_ms.toFixed(0)} ms`;
      logger.debug(`${scenario.name} again: ${error}`);
    } catch (failure) {
      return { scenario, error: sentence(failure) };
    }
  }
  return { scenario, error: error || "stopped" };
}
