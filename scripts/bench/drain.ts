/** How fast stream and consume read a full log, as whole processes, next to reading the log alone. */
import { type Bench, type BenchContext, type Figure, MEMORY_MB_MAX, type Skipped } from "./figure.ts";
import { type FilledLog, filledLog } from "./logs.ts";
import { measure, measureSides, NO_BROKER, type Side } from "./repeat.ts";
import { runScript, runStage } from "./stage.ts";
import { BUSY } from "./ticks.ts";

const MESSAGES = 2_000_000;

/** A stage over the whole log, into a new file. */
export async function stageRate(stage: string, log: FilledLog, flags: string[] = []) {
  const args = ["--data", log.data, "--log", log.url, "--rebuild", "--until-end", "--json", ...flags];
  const { summary, cpu_s, written_bytes, peak_mb } = await runStage(stage, args);
  return {
    rate: summary.records_per_second!,
    cpu_s_per_million: (cpu_s / log.records) * 1e6,
    written_per_message: written_bytes === null ? null : written_bytes / log.records,
    peak_mb,
  };
}

function logAlone({ url, data, records }: FilledLog): Side {
  return {
    part: "log alone",
    shape: {
      "log alone": { unit: "messages/s" },
      "log alone, CPU time per million": { unit: "s", at: "log alone" },
    },
    once: async () => {
      const { summary, cpu_s } = await runScript("bench/raw-read.ts", [url, data, String(records)]);
      return { "log alone": records / summary.seconds!, "log alone, CPU time per million": (cpu_s / records) * 1e6 };
    },
  };
}

function stage(name: "stream" | "consume", log: FilledLog, goals: Record<string, Figure["goal"]>): Side {
  const [cpu, written, peak] = [
    `${name}, CPU time per million`,
    `${name}, written per message`,
    `${name}, peak memory`,
  ] as [string, string, string];
  return {
    part: name,
    shape: {
      [name]: { unit: name === "stream" ? "messages/s" : "rows/s", goal: goals[name] },
      [cpu]: { unit: "s", at: name },
      [written]: { unit: "bytes", at: name },
      [peak]: { unit: "MB", goal: goals.peak },
    },
    once: async () => {
      const { rate, cpu_s_per_million, written_per_message, peak_mb } = await stageRate(name, log);
      return { [name]: rate, [cpu]: cpu_s_per_million, [written]: written_per_message, [peak]: peak_mb };
    },
  };
}

/** The stage and a process that only reads, in pairs. */
async function drain(name: string, kind: "embedded" | "kafka", context: BenchContext): Promise<Figure[]> {
  const log = await filledLog(context, kind, BUSY, Math.round(MESSAGES * context.scale));
  const withBroker = kind === "kafka";
  const append: Figure = { bench: name, figure: "append", unit: "messages/s", values: [log.appended_per_second] };
  const goals = { stream: withBroker ? undefined : { least: 1_000_000 }, peak: { most: MEMORY_MB_MAX } };
  const sides = [
    { ...logAlone(log), withBroker },
    { ...stage("stream", log, goals), withBroker },
  ];
  const goal = withBroker ? { least: 0.7 } : undefined;
  const ratio = { figure: "of the log alone", of: "stream", over: "log alone", goal };
  return [append, ...(await measureSides(name, context, sides, [ratio]))];
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
    const { shape, once } = stage("consume", log, { consume: { least: 300_000 } });
    return measure("consume", context, shape, once);
  },
};
