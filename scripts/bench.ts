/** `bun run bench`: the project's own figures, as a table and as JSON, next to the limits of the same run. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench, BenchContext, Figure, Skipped } from "./bench/figure.ts";
import { BENCHES } from "./bench/list.ts";
import { dropTopics } from "./bench/logs.ts";
import { json, machine, table } from "./bench/report.ts";
import { type CommandSpec, invalid, runCommand } from "./command/cli.ts";
import { JSON_FLAG, wholeNumber } from "./command/flags.ts";
import { parseLogUrl } from "./log/index.ts";

interface BenchFlags {
  only?: string[];
  runs: number;
  scale: number;
  log?: string;
  json?: boolean;
}

export const spec: CommandSpec<BenchFlags> = {
  name: "bench",
  summary: "Measures this machine: messages of the real shape through whole processes, medians of several runs.",
  flags: [
    { flags: "--only <names>", description: `some of: ${BENCHES.map(described).join("; ")}`, parse: names },
    { flags: "--runs <n>", description: "runs of each bench", parse: wholeNumber(1, 100), default: 3 },
    { flags: "--scale <x>", description: "multiplies the numbers of messages", parse: scale, default: 1 },
    { flags: "--log <url>", description: "a Kafka broker for Kafka's part: kafka://host:port", parse: broker },
    JSON_FLAG,
  ],
  examples: [
    "bun run bench",
    "bun run bench --only embedded-drain,consume --runs 5",
    "bun run bench --only kafka-drain --log kafka://localhost:19092 --scale 10 --json",
  ],
  async run(options, { logger, signal }) {
    const chosen = BENCHES.filter(({ name, long }) => options.only?.includes(name) ?? !long);
    const { runs, scale } = options;
    const dir = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
    const context: BenchContext = { runs, scale, dir, kafka: options.log ?? null, logger, signal };
    const before = machine();
    const results: (Figure | Skipped)[] = [];
    try {
      for (const bench of chosen) {
        if (signal.aborted) break;
        logger.info(`${bench.name}: ${bench.about}`);
        results.push(...(await bench.run(context)));
      }
    } finally {
      await dropTopics(context);
      rmSync(dir, { recursive: true, force: true });
    }
    const report = { machine: before, runs, scale, results };
    process.stdout.write(options.json ? json(report) : table(report));
    return 0;
  },
};

function described({ name, about, long }: Bench): string {
  return `${name} (${about}${long ? "; only when named" : ""})`;
}

function names(text: string): string[] {
  const wanted = text.split(",");
  const known = BENCHES.map(({ name }) => name);
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`There is no bench ${unknown}. There are: ${known.join(", ")}.`);
  return wanted;
}

function scale(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 100)) throw invalid("Give a number above 0 and up to 100.");
  return value;
}

/** The broker alone: the benches make topics of their own there and remove them. */
function broker(text: string): string {
  const parsed = parseLogUrl(text);
  if (parsed.kind !== "kafka") throw invalid("Give kafka://host:port; the embedded log needs no address here.");
  return text;
}

await runCommand(spec, import.meta.main);
