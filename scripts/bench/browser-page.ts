/** The page in Chromium and as bytes, at the recorded pace: first paint, main thread, the event stream. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { monotonicMs } from "../base/clock.ts";
import { openDataDir } from "../base/data-dir.ts";
import { openLog } from "../log/index.ts";
import type { Bench, BenchContext, Figure, Skipped } from "./figure.ts";
import { measure } from "./repeat.ts";
import { startScript } from "./running.ts";
import { runStage } from "./stage.ts";
import { START_US, TickMaker } from "./ticks.ts";

const CHROMIUM = process.env.TIDEMARK_CHROMIUM ?? "/usr/bin/chromium";
const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const PAINT_MS_MAX = 300;
const BYTES_KB_MAX = 2;
const MAIN_THREAD_PERCENT_MAX = 3;
const TICKS = 1_000_000;
const MARKET = { seed: 20_230_905, products: ["BTC-USD"], per_second: 4, start_us: START_US };
const LOADS = 5;
/** Counted, after a page has settled: its first panels have come, and a few runs of the batch. */
const SECONDS = 60;
const SETTLE_SECONDS = 15;

export const firstPaint: Bench = {
  name: "first-paint",
  about: "first contentful paint of the page in Chromium on this machine, over a million ticks",
  run(context) {
    const shape = { "first contentful paint": { unit: "ms", goal: { most: PAINT_MS_MAX } } } as const;
    let data: Promise<string> | null = null;
    return inChromium("first-paint", async () =>
      measure("first-paint", context, shape, async () => {
        data ??= filled(context);
        return { "first contentful paint": await paintMs(await data) };
      }),
    );
  },
};

export const mainThread: Bench = {
  name: "main-thread",
  about: "share of the browser's main thread that the open page takes while the recorded hour plays at its pace",
  run(context) {
    const shape = {
      "main thread": { unit: "% of a core", goal: { most: MAIN_THREAD_PERCENT_MAX } },
      "its scripts": { unit: "% of a core" },
    } as const;
    return inChromium("main-thread", () =>
      measure("main-thread", context, shape, () => replayed(context, (url, seconds) => busyPercent(url, seconds))),
    );
  },
};

export const pageBytes: Bench = {
  name: "page-bytes",
  about: "bytes per second that one open page gets while the recorded hour plays at its pace, compressed",
  run(context) {
    const shape = { "event stream of a page": { unit: "kB/s", goal: { most: BYTES_KB_MAX } } } as const;
    return measure("page-bytes", context, shape, () =>
      replayed(context, async (url, seconds) => ({
        "event stream of a page": (await streamBytes(url, seconds)) / 1_000,
      })),
    );
  },
};

/** What `run` measures, or that there is no Chromium here. */
export async function inChromium(bench: string, run: () => Promise<Figure[]>): Promise<(Figure | Skipped)[]> {
  if (!existsSync(CHROMIUM)) return [{ bench, skipped: `there is no ${CHROMIUM}: set TIDEMARK_CHROMIUM` }];
  return run();
}

/** playwright-core is a tool of the project's development, and not there after `install --production`. */
export async function launch() {
  const { chromium } = await import("playwright-core");
  return chromium.launch({ executablePath: CHROMIUM, args: ARGS });
}

/** A directory with a million ticks that all stages have read. */
async function filled(context: BenchContext): Promise<string> {
  const data = mkdtempSync(join(context.dir, "paint-"));
  const log = await openLog("embedded:", openDataDir(data), { role: "writer", logger: context.logger });
  const maker = new TickMaker(MARKET);
  const count = Math.max(1_000, Math.round(TICKS * context.scale));
  for (let at = 0; at < count; at += 10_000) await log.append(maker.take(Math.min(10_000, count - at)));
  await log.close();
  for (const stage of ["stream", "consume"]) await runStage(stage, ["--data", data, "--until-end", "--json"]);
  await runStage("batch", ["--data", data, "--json"]);
  return data;
}

/** The median of several loads, each without a cache, after one that is not counted. */
async function paintMs(data: string): Promise<number | null> {
  const serve = startScript("serve.ts", ["--data", data, "--port", "0"]);
  const browser = await launch();
  try {
    const url = await serve.firstLine;
    const paints: number[] = [];
    for (let i = 0; i <= LOADS; i++) {
      const context = await browser.newContext({ viewport: { width: 1_400, height: 900 } });
      const page = await context.newPage();
      await page.goto(url);
      const found = await page.evaluate(FIRST_PAINT);
      if (i > 0) paints.push(Number(found));
      await context.close();
    }
    return paints.sort((a, b) => a - b)[LOADS >> 1] ?? null;
  } finally {
    await browser.close();
    await serve.stop();
  }
}

/** Runs in the page. */
const FIRST_PAINT = `new Promise((resolve) => {
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (one.name === "first-contentful-paint") resolve(one.startTime);
  }).observe({ type: "paint", buffered: true });
})`;

/** `start` plays the recorded hour at its pace; `work` has the page's address. */
async function replayed<T>(context: BenchContext, work: (url: string, seconds: number) => Promise<T>): Promise<T> {
  const data = mkdtempSync(join(context.dir, "replay-"));
  const started = startScript("start.ts", ["--replay", "--speed", "1", "--data", data, "--port", "0"]);
  const scale = Math.min(1, context.scale);
  try {
    // "Tidemark (REPLAY) is at http://…"
    const url = /https?:\S+/.exec(await started.firstLine)![0];
    return await work(url, Math.max(1, SECONDS * scale));
  } finally {
    await started.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

async function busyPercent(url: string, seconds: number) {
  const browser = await launch();
  try {
    const context = await browser.newContext({ viewport: { width: 1_400, height: 900 } });
    const page = await context.newPage();
    await page.goto(url);
    const session = await context.newCDPSession(page);
    // CPU time of the thread: other processes of a busy machine don't count.
    await session.send("Performance.enable", { timeDomain: "threadTicks" });
    const settled_s = Math.min(SETTLE_SECONDS, seconds);
    await Bun.sleep(settled_s * 1_000);
    const [before, began_ms] = [await metrics(), monotonicMs()];
    await Bun.sleep(seconds * 1_000);
    const [after, ended_ms] = [await metrics(), monotonicMs()];
    const percent = (name: string) => ((after[name]! - before[name]!) / (ended_ms - began_ms)) * 100_000;
    return { "main thread": percent("TaskDuration"), "its scripts": percent("ScriptDuration") };

    async function metrics(): Promise<Record<string, number>> {
      const found = await session.send("Performance.getMetrics");
      return Object.fromEntries(found.metrics.map(({ name, value }) => [name, value]));
    }
  } finally {
    await browser.close();
  }
}

/** Bytes per second on the wire, headers of the answer and its opening left out. */
async function streamBytes(url: string, seconds: number): Promise<number> {
  const { hostname, port, host } = new URL(url);
  let bytes = 0;
  const request = [
    "GET /events?of=BTC-USD/1m HTTP/1.1",
    `Host: ${host}`,
    "Accept: text/event-stream",
    "Accept-Encoding: gzip",
    "",
    "",
  ].join("\r\n");
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: (opened) => void opened.write(request),
      data: (_socket, chunk) => {
        bytes += chunk.length;
      },
    },
  });
  await Bun.sleep(Math.min(SETTLE_SECONDS, seconds) * 1_000);
  bytes = 0;
  const began_ms = monotonicMs();
  await Bun.sleep(seconds * 1_000);
  const spent_s = (monotonicMs() - began_ms) / 1_000;
  socket.terminate();
  return bytes / spent_s;
}
