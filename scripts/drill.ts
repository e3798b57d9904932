/** `bun run drill`: kills, stops and restarts the stages at random over a copy of the data, and compares with an undisturbed run. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { dataPaths } from "./base/data-dir.ts";
import type { Logger } from "./base/logger.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { DATA_FLAG, JSON_FLAG, LOG_FLAG, wholeNumber } from "./command/flags.ts";
import { pack } from "./drill/feeder.ts";
import { MachineClock, noClock } from "./drill/machine-clock.ts";
import { type Answer, differences } from "./drill/outcome.ts";
import { randomOf, troubled } from "./drill/plan.ts";
import { calmRound, type RoundOptions, troubledRound } from "./drill/round.ts";
import { checkLogUrl, openLog, withTopic } from "./log/index.ts";

interface DrillFlags {
  data: string;
  log: string;
  rounds: number;
  seed: number;
  json?: boolean;
}

/** Messages of the user's log that a drill takes at most, the oldest ones. */
const MESSAGES_MAX = 20_000;
const RECORDING = resolve(import.meta.dir, "../data/recordings/coinbase-btc-usd-2023-09-05T16.jsonl.gz");

export const spec: CommandSpec<DrillFlags> = {
  name: "drill",
  summary:
    "Kills, stops and restarts the stages at random over a copy of the data's log, sets the clock under them and drops a user's files into their folders, and compares what they stored with an undisturbed run. Your data is only read.",
  flags: [
    {
      ...DATA_FLAG,
      description: "the data directory whose log is copied; without a log in it the bundled recording is taken",
    },
    { ...LOG_FLAG, description: "where the copies go: embedded:, or kafka://host:port for topics of their own" },
    {
      flags: "--rounds <n>",
      description: "how many rounds",
      env: "TIDEMARK_ROUNDS",
      parse: wholeNumber(1, 10_000),
      default: 5,
    },
    {
      flags: "--seed <n>",
      description: "the same seed does the same; round r uses seed + r",
      env: "TIDEMARK_SEED",
      parse: wholeNumber(0, 2 ** 31),
      default: 1,
    },
    JSON_FLAG,
  ],
  examples: [
    "bun run drill",
    "bun run drill --rounds 100 --seed 7",
    "bun run drill --log kafka://localhost:9092 --rounds 20",
  ],
  async run(options, { logger, signal }) {
    checkLogUrl(options.log);
    const root = mkdtempSync(join(tmpdir(), "tidemark-drill-"));
    const messages = join(root, "messages");
    const lines = troubled(await linesOf(options.data, logger), randomOf(options.seed));
    writeFileSync(messages, pack(lines));
    const place = (round: number) => ({
      messages,
      log: logOf(options.log, options.seed, round),
      data: join(root, `round-${round}`),
    });
    const calm = await calmRound(place(0)).catch((error) => {
      rmSync(root, { recursive: true, force: true });
      throw error;
    });
    logger.info(`undisturbed: ${lines.length} messages, ${described(calm)}`);
    const withoutClock = noClock();
    if (withoutClock !== null) logger.warn(`the clock is not set under the stages: ${withoutClock}`);
    using clock = withoutClock === null ? new MachineClock() : null;
    let [failed, rounds] = [0, 0];
    for (let round = 1; round <= options.rounds && !signal.aborted; round++, rounds++) {
      const where = place(round);
      const random = randomOf(options.seed + round);
      const problems = await oneRound(calm, { ...where, random, clock }, round, logger);
      if (problems === 0) {
        for (const path of [where.data, `${where.data}-outside`]) rmSync(path, { recursive: true, force: true });
      } else failed++;
    }
    const summary = { rounds, failed, seed: options.seed, messages: lines.length, ...calm };
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    else logger.info(`${rounds} rounds, ${failed} with a difference; seed ${options.seed}`);
    if (failed === 0) rmSync(root, { recursive: true, force: true });
    else logger.error(`the directories of the rounds that differ are in ${root}`);
    return failed === 0 ? 0 : 1;
  },
};

/** Gives the number of differences. */
async function oneRound(calm: Answer, where: RoundOptions, round: number, logger: Logger): Promise<number> {
  try {
    const { answer, missing, done, seconds } = await troubledRound(where);
    const found = [...differences(calm, answer), ...missing];
    const blows = Object.entries(done).map(([what, times]) => `${what} ×${times}`);
    const line = `round ${round} in ${seconds.toFixed(1)} s: ${blows.sort().join(", ")}: ${found.length === 0 ? `the same, ${described(answer)}` : found.join("; ")}`;
    if (found.length === 0) logger.info(line);
    else logger.error(line);
    return found.length;
  } catch (error) {
    logger.error(`round ${round}: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

function described({ rows, reconciliation: r, stream }: Answer): string {
  return `${rows.ticks} ticks, ${rows.windows} windows, ${rows.late_ticks} late, ${rows.window_revisions} revisions, ${rows.dead_letters} dead letters; ${r.compared} compared, ${r.equal} equal, ${r.explained} explained, ${r.unexplained} unexplained; answer ${stream.slice(0, 12)}`;
}

/** A log of its own for each round. Topics stay on the broker: only its owner can say that they may go. */
function logOf(url: string, seed: number, round: number): string {
  return url.startsWith("kafka") ? withTopic(url, `tidemark-drill-${process.pid}-${seed}-${round}`) : url;
}

async function linesOf(data: string, logger: Logger): Promise<Uint8Array[]> {
  const paths = dataPaths(data);
  if (!existsSync(paths.log)) {
    logger.info("no log there: the bundled recording is drilled with");
    const text = new TextDecoder().decode(Bun.gunzipSync(readFileSync(RECORDING)));
    const encoder = new TextEncoder();
    return text
      .trimEnd()
      .split("\n")
      .map((line) => encoder.encode(line));
  }
  const log = await openLog("embedded:", paths, { role: "reader", logger });
  const spans = await log.spans();
  const wanted = Math.min(
    MESSAGES_MAX,
    spans.reduce((sum, span) => sum + span.end - span.start, 0),
  );
  const starts = new Map(spans.map(({ partition, start }) => [partition, start]));
  const reader = await log.reader({ group: "tidemark-drill", position: (partition) => starts.get(partition) ?? 0 });
  const lines: Uint8Array[] = [];
  while (lines.length < wanted) {
    for (const batch of await reader.poll({ records_max: 1_000, timeout_ms: 1_000 })) {
      for (let i = 0; i < batch.count && lines.length < wanted; i++)
        lines.push(batch.buffer(i).slice(batch.starts[i]!, batch.ends[i]!));
    }
  }
  await reader.close();
  await log.close();
  return lines;
}

await runCommand(spec, import.meta.main);
