/** Runs benches one after the other in a folder of their own, and removes what they made. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandContext, invalid } from "../command/cli.ts";
import { parseLogUrl } from "../log/index.ts";
import type { Bench, BenchContext, Figure, RunRecord, Skipped } from "./figure.ts";
import { BENCHES } from "./list.ts";
import { dropTopics } from "./logs.ts";
import { machine, type Report } from "./report.ts";

export interface BenchOptions {
  /** Names of benches; without it all but the long ones. */
  only?: string[];
  runs: number;
  /** Multiplies the numbers of messages. */
  scale: number;
  /** A Kafka broker. */
  log?: string;
}

/**
 * Runs until the last bench, the signal or the first failure; `error` is that failure, and the report
 * has what was measured before it. The machine is described as it was before.
 */
export async function runBenches(
  options: BenchOptions,
  { logger, signal }: CommandContext,
): Promise<{ report: Report; error: unknown }> {
  const chosen = BENCHES.filter(({ name, long }) => options.only?.includes(name) ?? !long);
  const { runs, scale } = options;
  const records: RunRecord[] = [];
  const dir = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
  const context: BenchContext = { runs, scale, dir, kafka: options.log ?? null, logger, signal, records };
  const before = machine();
  const results: (Figure | Skipped)[] = [];
  let error: unknown = null;
  try {
    for (const bench of chosen) {
      if (signal.aborted) break;
      logger.info(`${bench.name}: ${bench.about}`);
      results.push(...(await bench.run(context)));
    }
  } catch (caught) {
    error = caught;
  } finally {
    await dropTopics(context);
    rmSync(dir, { recursive: true, force: true });
  }
  const repeat = (bench: string) => commandFor(bench, options);
  return { report: { machine: before, runs, scale, results, records, repeat }, error };
}

/** A result's bench may name the log too: `latency on Kafka`. */
function commandFor(result: string, { runs, scale, log }: BenchOptions): string {
  const name = BENCHES.find((bench) => bench.name === result || result.startsWith(`${bench.name} `))!.name;
  return [`bun run bench --only ${name} --runs ${runs} --scale ${scale}`, log && `--log ${log}`]
    .filter(Boolean)
    .join(" ");
}

/** All benches in one line, for --help. */
export function listOfBenches(): string {
  const described = ({ name, about, long }: Bench) => `${name} (${about}${long ? "; only when named" : ""})`;
  return BENCHES.map(described).join("; ");
}

/** Names of benches, separated by commas, for a flag. */
export function benchNames(text: string): string[] {
  const wanted = text.split(",");
  const known = BENCHES.map(({ name }) => name);
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`There is no bench "${unknown}"; valid: ${known.join(", ")}.`);
  return wanted;
}

/** A factor above 0 and up to 100, for a flag. */
export function scaleFlag(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 100)) throw invalid("Give a number above 0 and up to 100.");
  return value;
}

/** The URL of a Kafka broker, for a flag: the benches make topics of their own there and remove them. */
export function brokerFlag(text: string): string {
  if (parseLogUrl(text).kind !== "kafka") throw invalid("Give kafka://host:port; the embedded log needs no URL here.");
  return text;
}
