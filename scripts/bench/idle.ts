/** The cost of a whole `start` in a quiet market: heartbeats, no trades, and a batch per minute. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { chargeOf, parseStat } from "../measure/process-cost.ts";
import { type Recorded, startExchange } from "../simulator/index.ts";
import type { Bench, BenchContext } from "./figure.ts";
import { newTopic } from "./logs.ts";
import { onBothLogs, type Side } from "./repeat.ts";
import { startScript } from "./running.ts";
import { BUSY, START_US, TickMaker } from "./ticks.ts";

/** Long enough for one run of the batch. */
const SECONDS = 60;
const SETTLE_SECONDS = 10;
const SHARE_MAX = 3;
const TRADES = 1_000;
const QUIET_US = 3_600_000_000;
const STAGES = ["start", "produce", "stream", "consume", "schedule", "serve"];

export const idle: Bench = {
  name: "idle",
  about: "CPU of an idle start, its page and its batch included, on both logs",
  async run(context) {
    if (process.platform !== "linux") return [{ bench: "idle", skipped: "it reads /proc, which only Linux has" }];
    const ratio = { figure: "Kafka ÷ embedded", of: "kafka, all", over: "embedded, all" };
    return onBothLogs("idle", context, (kind) => at(kind, context), [ratio]);
  },
};

function at(kind: "embedded" | "kafka", context: BenchContext): Side {
  const unit = "% of a core" as const;
  const all = `${kind}, all`;
  const shape = {
    [all]: { unit, at: 0, goal: { most: SHARE_MAX } },
    ...Object.fromEntries(STAGES.map((stage) => [`${kind}, ${named(stage)}`, { unit, at: 0 }])),
  };
  const measured = async () => {
    const shares = await once(kind, context);
    return {
      [all]: [...shares.values()].reduce((sum, share) => sum + share, 0),
      ...Object.fromEntries(STAGES.map((stage) => [`${kind}, ${named(stage)}`, shares.get(stage) ?? 0])),
    };
  };
  return { part: kind, shape, once: measured };
}

const named = (stage: string) => (stage === "schedule" ? "schedule and batch" : stage);

/** Percent of a core by stage. */
async function once(kind: "embedded" | "kafka", context: BenchContext): Promise<Map<string, number>> {
  const data = mkdtempSync(join(context.dir, "idle-"));
  const log = kind === "embedded" ? "embedded:" : newTopic(context, "idle");
  const exchange = startExchange({
    recorded: quietTrades(),
    speed: 1,
    loop: false,
    after: 0,
    host: "127.0.0.1",
    port: 0,
  });
  const started = startScript("start.ts", ["--data", data, "--log", log, "--feed", exchange.url, "--port", "0"]);
  try {
    await started.firstLine;
    const seconds = Math.max(1, SECONDS * context.scale);
    await Bun.sleep(SETTLE_SECONDS * 1_000 * Math.min(1, context.scale));
    const before = cpuSeconds(started.pid);
    await Bun.sleep(seconds * 1_000);
    const after = cpuSeconds(started.pid);
    return new Map([...after].map(([stage, cpu_s]) => [stage, ((cpu_s - (before.get(stage) ?? 0)) / seconds) * 100]));
  } finally {
    await started.stop();
    await exchange.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

/** A busy second, then nothing for an hour. */
function quietTrades(): Recorded[] {
  const decoder = new TextDecoder();
  return new TickMaker(BUSY).take(TRADES).map(({ value }, i): Recorded => {
    const line = decoder.decode(value);
    const trade_id = Number(/"trade_id":(\d+)/.exec(line)![1]);
    const time_us = START_US + (i === TRADES - 1 ? QUIET_US : i * 1_000);
    return { line, product_id: "BTC-USD", trade_id, time_us };
  });
}

/** CPU seconds so far of `start` itself and of each of its stages, their ended children included. */
function cpuSeconds(root: number): Map<string, number> {
  const stages = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => childOf(root, Number(pid)));
  const seconds = new Map(stages.map(({ script, pid }) => [script, secondsOf(pid)]));
  const own_s = secondsOf(root) - [...seconds.values()].reduce((sum, one) => sum + one, 0);
  return seconds.set("start", own_s);
}

const secondsOf = (pid: number) => (chargeOf(pid)?.cpu_us ?? 0) / 1e6;

function childOf(root: number, pid: number): { pid: number; script: string }[] {
  try {
    if (parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"))?.parent !== root) return [];
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return [{ pid, script: /\/([\w-]+)\.ts\0/.exec(command)?.[1] ?? "" }];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}
