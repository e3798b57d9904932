/** Pages and answers over a long history: 5 million windows, while the stream commits. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { monotonicMs, nowUs } from "../base/clock.ts";
import { openDataDir } from "../base/data-dir.ts";
import { TidemarkError } from "../base/errors.ts";
import { isoFromUs } from "../base/iso.ts";
import { openLog } from "../log/index.ts";
import { percentile } from "../measure/statistics.ts";
import type { Bench, BenchContext } from "./figure.ts";
import { addResults, addWindows } from "./history.ts";
import { measure } from "./repeat.ts";
import { startScript } from "./running.ts";
import { runStage } from "./stage.ts";
import { START_US, TickMaker } from "./ticks.ts";

const WINDOWS = 5_000_000;
/** An hour of it is in every store, and is what the batch has computed. */
const MARKET = { seed: 20_230_905, products: ["BTC-USD", "ETH-USD"], per_second: 4, start_us: START_US };
const TICKS = 4 * 3_600;
const APPEND_MS = 20;
/** Requests of one path: with fewer there is no p99. */
const REQUESTS = 1_000;
const P50_MS_MAX = 5;
const P99_MS_MAX = 20;
const OLDER_MS_MAX = 500;

/**
 * Every page and answer as they are without parameters, and the page's other sizes and ranges. WEEK,
 * HOUR and NEXT are in the middle of the history.
 */
const PATHS = [
  "/",
  "/?window=5m",
  "/?window=1h&range=6h",
  "/?view=wall",
  "/metric/vwap",
  "/window/BTC-USD@2023-09-05T16:30/1m",
  "/window/ETH-USD@HOUR/1m",
  "/healthz",
  "/api/status",
  "/api/windows",
  "/api/windows?product=BTC-USD",
  "/api/windows?window=1m",
  "/api/windows?window=1h",
  "/api/windows?from=HOUR:00Z&to=NEXT:00Z",
  "/api/chart",
  "/api/chart?window=5m&range=6h",
  "/api/chart?window=1h",
  "/api/chart?from=HOUR:00Z&to=NEXT:00Z",
  "/api/chart?range=all",
  "/api/chart?window=1h&range=all",
  "/api/chart?window=1h&from=WEEK:00Z&to=HOUR:00Z",
  "/api/windows?window=1h&from=WEEK:00Z&to=HOUR:00Z",
  "/api/metrics/vwap",
  "/api/metrics/windows_by_minute",
  "/metric/reconciliation",
  "/api/reconciliation",
  "/api/comparison",
  "/api/lateness",
  "/api/explain/BTC-USD%402023-09-05T16%3A30%2F1m",
  "/metrics",
  "/openapi.json",
];
/** The largest chart, all that one answer may have: 1.5 MB. */
const LARGEST = "/api/chart?range=all";
/** The hour in the archive; each window size is another question, so that no answer is kept. */
const OLDER = "/api/chart/older?from=2023-09-05T16:00:00Z&to=2023-09-05T17:00:00Z&window=";

export const answers: Bench = {
  name: "answers",
  about: "every page and answer over 5 million windows while the stream commits: the slowest path's p50 and p99",
  run(context) {
    const count = Math.max(2_000, Math.round(WINDOWS * context.scale));
    const of = `of ${PATHS.length} pages and answers`;
    const shape = {
      [`slowest ${of}, p50`]: { unit: "ms", goal: { most: P50_MS_MAX } },
      [`slowest ${of}, p99`]: { unit: "ms", goal: { most: P99_MS_MAX } },
      "the page, p50": { unit: "ms" },
      "the page, p99": { unit: "ms" },
      "the chart of an hour, p50": { unit: "ms" },
      "the chart of 10,000 windows, p50": { unit: "ms" },
      "the chart of 10,000 windows, p99": { unit: "ms" },
      "windows in the archive only": { unit: "ms", goal: { most: OLDER_MS_MAX } },
    } as const;
    let data: Promise<string> | null = null;
    return measure("answers", context, shape, async () => {
      data ??= prepared(context, count);
      const found = await once(await data, context, START_US - (count / 4) * 60e6);
      const slowest = (name: "p50" | "p99") =>
        PATHS.map((path) => ({ path, ms: found.get(path)![name] })).reduce((a, b) =>
          (b.ms ?? 0) > (a.ms ?? 0) ? b : a,
        );
      for (const name of ["p50", "p99"] as const)
        context.logger.info(
          `answers, ${name}: the slowest is ${slowest(name).path}, ${slowest(name).ms?.toFixed(2)} ms`,
        );
      return {
        [`slowest ${of}, p50`]: slowest("p50").ms,
        [`slowest ${of}, p99`]: slowest("p99").ms,
        "the page, p50": found.get("/")!.p50,
        "the page, p99": found.get("/")!.p99,
        "the chart of an hour, p50": found.get("/api/chart")!.p50,
        "the chart of 10,000 windows, p50": found.get(LARGEST)!.p50,
        "the chart of 10,000 windows, p99": found.get(LARGEST)!.p99,
        "windows in the archive only": found.get(OLDER)!.p50,
      };
    });
  },
};

/** A directory that the whole path has filled, and its history. It takes minutes at scale 1. */
async function prepared(context: BenchContext, count: number): Promise<string> {
  const data = mkdtempSync(join(context.dir, "answers-"));
  const log = await openLog("embedded:", openDataDir(data), { role: "writer", logger: context.logger });
  await log.append(new TickMaker(MARKET).take(TICKS));
  await log.close();
  for (const stage of ["stream", "consume"]) await runStage(stage, ["--data", data, "--until-end", "--json"]);
  await runStage("batch", ["--data", data, "--json"]);
  context.logger.info(`answers: adding ${count} windows`);
  addWindows(join(data, "windows.db"), count);
  addResults(join(data, "results.db"));
  return data;
}

type Times = Record<"p50" | "p99", number | null>;

async function once(data: string, context: BenchContext, middle_us: number): Promise<Map<string, Times>> {
  const names = { HOUR: middle_us, NEXT: middle_us + 6 * 3_600e6, WEEK: middle_us - 7 * 86_400e6 };
  const placed = (path: string) =>
    Object.entries(names).reduce((text, [name, us]) => text.replace(name, isoFromUs(us).slice(0, 16)), path);
  const log = await openLog("embedded:", openDataDir(data), { role: "writer", logger: context.logger });
  const maker = new TickMaker({ ...MARKET, seed: nowUs() % 2 ** 31 });
  const stream = startScript("stream.ts", ["--data", data]);
  const serve = startScript("serve.ts", ["--data", data, "--port", "0"]);
  const timer = setInterval(() => void log.append([maker.next(START_US + 3_600e6)]), APPEND_MS);
  try {
    const url = await serve.firstLine;
    const found = new Map<string, Times>();
    // The first answers read the files into memory.
    for (const path of PATHS) await request(url, placed(path), 3);
    const times = Math.max(20, Math.round(REQUESTS * Math.min(1, context.scale * 50)));
    for (const path of PATHS) found.set(path, timesOf(await request(url, placed(path), times)));
    const older: number[] = [];
    for (const size of ["1m", "5m", "1h"]) older.push(...(await request(url, OLDER + size, 1)));
    found.set(OLDER, { p50: older.sort((a, b) => a - b)[1]!, p99: null });
    return found;
  } finally {
    clearInterval(timer);
    await Promise.all([serve.stop(), stream.stop()]);
    await log.close();
  }
}

/** Milliseconds of each whole answer, compressed as a browser gets it, one after the other. */
async function request(url: string, path: string, times: number): Promise<number[]> {
  const ms: number[] = [];
  for (let i = 0; i < times; i++) {
    const began_ms = monotonicMs();
    // Without its decompression here, which Bun then does not ask for by itself.
    const answer = await fetch(new URL(path, url), { decompress: false, headers: { "Accept-Encoding": "gzip" } });
    await answer.arrayBuffer();
    ms.push(monotonicMs() - began_ms);
    if (answer.status !== 200 && path !== "/healthz")
      throw new TidemarkError("CHILD_FAILED", `serve answers ${answer.status} to ${path}.`);
  }
  return ms;
}

function timesOf(ms: number[]): Times {
  return { p50: percentile(ms, 0.5), p99: percentile(ms, 0.99) };
}
