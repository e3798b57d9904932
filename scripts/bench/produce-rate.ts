/** How fast `produce` takes a local replay at full speed into both logs: client, socket and appends. */
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Bench, BenchContext, Figure, Skipped } from "./figure.ts";
import { newTopic } from "./logs.ts";
import { onBothLogs, type Side } from "./repeat.ts";
import { startScript } from "./running.ts";
import { runStage } from "./stage.ts";
import { BUSY, TickMaker } from "./ticks.ts";

const MESSAGES = 500_000;
const WRITE_RECORDS = 10_000;
const FIGURES = { embedded: "into the embedded log", kafka: "into Kafka" };

export const produce: Bench = {
  name: "produce",
  about: "produce from a local replay at --speed max, into the embedded log and into Kafka",
  async run(context): Promise<(Figure | Skipped)[]> {
    const recording = join(context.dir, "feed.jsonl");
    writeRecording(recording, Math.round(MESSAGES * context.scale));
    try {
      const ratio = { figure: "Kafka ÷ embedded", of: FIGURES.kafka, over: FIGURES.embedded };
      return await onBothLogs("produce", context, (kind) => into(kind, recording, context), [ratio]);
    } finally {
      rmSync(recording);
    }
  },
};

function writeRecording(path: string, count: number): void {
  const maker = new TickMaker(BUSY);
  const decoder = new TextDecoder();
  for (let done = 0; done < count; done += WRITE_RECORDS) {
    const lines = maker.take(Math.min(WRITE_RECORDS, count - done)).map(({ value }) => `${decoder.decode(value)}\n`);
    appendFileSync(path, lines.join(""));
  }
}

function into(kind: "embedded" | "kafka", recording: string, context: BenchContext): Side {
  const figure = FIGURES[kind];
  const goal = { least: kind === "embedded" ? 200_000 : 50_000 };
  const once = async () => {
    const data = mkdtempSync(join(context.dir, "produce-"));
    const log = kind === "embedded" ? "embedded:" : newTopic(context, "produce");
    const exchange = startScript("replay.ts", [recording, "--speed", "max", "--port", "0"]);
    try {
      const feed = ["--feed", await exchange.firstLine, "--until-end"];
      const { summary } = await runStage("produce", ["--data", data, "--log", log, ...feed, "--json"]);
      return { [figure]: summary.records_per_second! };
    } finally {
      await exchange.stop();
      rmSync(data, { recursive: true, force: true });
    }
  };
  return { part: kind, shape: { [figure]: { unit: "messages/s", goal } }, once };
}
