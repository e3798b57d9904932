/** A whole drill: one undisturbed run of the stages, then rounds with faults, each compared with it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "../base/logger.ts";
import { checkLogUrl, withTopic } from "../log/index.ts";
import { pack } from "./feeder.ts";
import { MachineClock, noClock } from "./machine-clock.ts";
import { copiedMessages } from "./messages.ts";
import { differences, type Outcome } from "./outcome.ts";
import { randomOf, withFaults } from "./plan.ts";
import { disturbedRound, type RoundOptions, undisturbedRound } from "./round.ts";

export interface DrillOptions {
  /** The data directory whose log is copied; it is only read. */
  data: string;
  /** Where the copies go: embedded:, or a Kafka broker. */
  log: string;
  rounds: number;
  /** Round r uses seed + r. */
  seed: number;
}

interface DrillSummary extends Outcome {
  /** Rounds that were run, and those whose result differs. */
  rounds: number;
  failed: number;
  seed: number;
  messages: number;
}

/** Runs until the last round or the signal. The directories of rounds that differ are kept, and logged. */
export async function runDrill(options: DrillOptions, logger: Logger, signal: AbortSignal): Promise<DrillSummary> {
  const { seed } = options;
  checkLogUrl(options.log);
  const root = mkdtempSync(join(tmpdir(), "tidemark-drill-"));
  const file = join(root, "messages");
  const copied = await copiedMessages(options.data, logger);
  const messages = withFaults(copied, randomOf(seed));
  writeFileSync(file, pack(messages));
  const at = (round: number) => ({
    messages: file,
    log: logOf(options.log, seed, round),
    data: join(root, `round-${round}`),
  });
  const calm = await undisturbedRound(at(0)).catch((error) => {
    rmSync(root, { recursive: true, force: true });
    throw error;
  });
  const added = `${messages.length - copied.length} repeated or malformed ones were added, and some come late`;
  logger.info(`undisturbed: ${messages.length} messages (${copied.length} copied; ${added}), ${described(calm)}`);
  const why = noClock();
  if (why !== null) logger.warn(`the clock is not set under the stages: ${why}`);
  using clock = why === null ? new MachineClock() : null;
  let [failed, rounds] = [0, 0];
  for (let round = 1; round <= options.rounds && !signal.aborted; round++, rounds++) {
    const where = at(round);
    const random = randomOf(seed + round);
    if (await isSame(calm, { ...where, random, clock }, round, logger)) {
      for (const path of [where.data, `${where.data}-outside`]) rmSync(path, { recursive: true, force: true });
    } else failed++;
  }
  if (failed === 0) rmSync(root, { recursive: true, force: true });
  else logger.error(`the directories of the rounds that differ are in ${root}`);
  return { rounds, failed, seed, messages: messages.length, ...calm };
}

/** Runs one round and logs what was done. Returns whether its result is that of the undisturbed run. */
async function isSame(calm: Outcome, where: RoundOptions, round: number, logger: Logger): Promise<boolean> {
  try {
    const { outcome, missing, done, seconds } = await disturbedRound(where);
    const found = [...differences(calm, outcome), ...missing];
    const faults = Object.entries(done).map(([what, times]) => `${what} ×${times}`);
    const result = found.length === 0 ? `the same, ${described(outcome)}` : found.join("; ");
    const line = `round ${round} in ${seconds.toFixed(1)} s: ${faults.sort().join(", ")}: ${result}`;
    logger[found.length === 0 ? "info" : "error"](line);
    return found.length === 0;
  } catch (error) {
    logger.error(`round ${round}: ${error instanceof Error ? error.message : error}`);
    return false;
  }
}

function described({ rows, reconciliation: r, stream }: Outcome): string {
  return `${rows.ticks} ticks, ${rows.windows} windows, ${rows.late_ticks} late, ${rows.window_revisions} revisions, ${rows.dead_letters} dead letters; ${r.compared} compared, ${r.equal} equal, ${r.explained} explained, ${r.unexplained} unexplained; hash ${stream.slice(0, 12)}`;
}

/**
 * A log of its own for each round. Topics stay on the broker: only its owner decides when they are
 * removed.
 */
function logOf(url: string, seed: number, round: number): string {
  return url.startsWith("kafka") ? withTopic(url, `tidemark-drill-${process.pid}-${seed}-${round}`) : url;
}
