/** How fast stream and consume read a full log, as whole processes, next to reading the log alone. */
import { type Bench, type BenchContext, type Figure, MEMORY_MB_MAX, measure, type Skipped } from "./figure.ts";
import { type FilledLog, filledLog } from "./logs.ts";
import { runScript, runStage } from "./stage.ts";
import { BUSY } from "./ticks.ts";

const MESSAGES = 2_000_000;

export const NO_BROKER = "no broker: start one with `bun run test:kafka`, and pass its address with --log";

async function rawRate({ url, data, records }: FilledLog) {
  const { summary, cpu_s } = await runScript("bench/raw-read.ts", [url, data, String(records)]);
  return { rate: records / summary.seconds!, cpu_s_per_million: (cpu_s / records) * 1e6 };
}

/** A stage over the whole log, into a new file. */
export async function stageRate(stage: string, log: FilledLog, flags: string[] = []) {
  const args = ["--data", log.data, "--log", log.url, "--rebuild", "--until-end", "--json", ...flags];
  const { summary, cpu_s, peak_mb } = await runStage(stage, args);
  return { rate: summary.records_per_second!, cpu_s_per_million: (cpu_s / log.records) * 1e6, peak_mb };
}

async function drain(name: string, kind: "embedded" | "kafka", context: BenchContext): Promise<Figure[]> {
  const log = await filledLog(context, kind, BUSY, Math.round(MESSAGES * context.scale));
  const kafka = kind === "kafka";
  const append: Figure = { bench: name, figure: "append", unit: "messages/s", values: [log.appended_per_second] };
  const figures = await measure(
    name,
    context,
    {
      "log alone": { unit: "messages/s" },
      stream: { unit: "messages/s", goal: kafka ? undefined : { least: 1_000_000 } },
      "of the log alone": { unit: "×", goal: kafka ? { least: 0.7 } : undefined },
      "log alone, CPU time per million": { unit: "s" },
      "stream, CPU time per million": { unit: "s" },
      "stream, peak memory": { unit: "MB", goal: { most: MEMORY_MB_MAX } },
    },
    async () => {
      const raw = await rawRate(log);
      const { rate, cpu_s_per_million, peak_mb } = await stageRate("stream", log);
      return {
        "log alone": raw.rate,
        stream: rate,
        "of the log alone": rate / raw.rate,
        "log alone, CPU time per million": raw.cpu_s_per_million,
        "stream, CPU time per million": cpu_s_per_million,
        "stream, peak memory": peak_mb,
      };
    },
  );
  return [append, ...figures];
}

export const embeddedDrain: Bench = {
  name: "embedded-drain",
  about: "stream over a full embedded log, next to reading it alone",
  run: (context) => drain("embedded-drain", "embedded", context),
};

export const kafkaDrain: Bench = {
  name: "kafka-drain",
  about: "stream over a full Kafka partition, next to the client alone",
  async run(context): Promise<(Figure | Skipped)[]> {
    if (context.kafka === null) return [{ bench: "kafka-drain", skipped: NO_BROKER }];
    return drain("kafka-drain", "kafka", context);
  },
};

export const consume: Bench = {
  name: "consume",
  about: "consume over the same embedded log into ticks.db",
  async run(context) {
    const log = await filledLog(context, "embedded", BUSY, Math.round(MESSAGES * context.scale));
    return measure(
      "consume",
      context,
      {
        consume: { unit: "rows/s", goal: { least: 300_000 } },
        "CPU time per million": { unit: "s" },
        "peak memory": { unit: "MB" },
      },
      async () => {
        const { rate, cpu_s_per_million, peak_mb } = await stageRate("consume", log);
        return { consume: rate, "CPU time per million": cpu_s_per_million, "peak memory": peak_mb };
      },
    );
  },
};
