/** A thousand open pages: how often and how evenly they get messages, and what that costs `serve`. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { nowUs } from "../base/clock.ts";
import { openDataDir } from "../base/data-dir.ts";
import { isoFromUs } from "../base/iso.ts";
import { openLog } from "../log/index.ts";
import { chargeOf } from "../measure/process-cost.ts";
import type { Bench, BenchContext } from "./figure.ts";
import { measure } from "./repeat.ts";
import { startScript } from "./running.ts";
import { runScript } from "./stage.ts";
import { BUSY, START_US, TickMaker } from "./ticks.ts";

const PAGES = 1_000;
const SECONDS = 10;
const APPEND_MS = 20;
const UPDATES_PER_SECOND = 4;
const SPREAD_MS_MAX = 100;
const MEMORY_MB_MAX = 150;

export const pages: Bench = {
  name: "pages",
  about:
    "1,000 open pages while a window grows: messages per second, the last page behind the first, CPU and memory of serve",
  run(context) {
    const count = Math.max(10, Math.round(PAGES * Math.min(1, context.scale)));
    const [updates, spread] = [`messages to each of ${count} pages`, "behind the first page, p99"];
    const memory = "memory of serve while they are open";
    const shape = {
      // The timer's granularity of a millisecond makes it a little less than four.
      [updates]: { unit: "updates/s", goal: { least: UPDATES_PER_SECOND * 0.95 } },
      [spread]: { unit: "ms", goal: { most: SPREAD_MS_MAX } },
      [memory]: { unit: "MB", goal: { most: MEMORY_MB_MAX } },
      "bytes to each page, a second": { unit: "kB" },
      "serve, its start included": { unit: "% of a core", at: Math.round(1_000 / APPEND_MS) },
    } as const;
    return measure("pages", context, shape, async () => {
      const { summary, serve_percent, memory_mb } = await once(count, context);
      return {
        [updates]: summary.per_second!,
        [spread]: summary.p99_ms ?? null,
        [memory]: memory_mb,
        "bytes to each page, a second": summary.kb_per_second!,
        "serve, its start included": serve_percent,
      };
    });
  },
};

async function once(count: number, context: BenchContext) {
  const data = mkdtempSync(join(context.dir, "pages-"));
  const log = await openLog("embedded:", openDataDir(data), { role: "writer", logger: context.logger });
  const maker = new TickMaker(BUSY);
  const append = () => log.append([now(maker)]);
  await append();
  const stream = startScript("stream.ts", ["--data", data]);
  const started_us = nowUs();
  const serve = startScript("serve.ts", ["--data", data, "--port", "0"]);
  const timer = setInterval(() => void append(), APPEND_MS);
  let memory_mb = 0;
  try {
    const url = await serve.firstLine;
    const seconds = Math.max(1, SECONDS * Math.min(1, context.scale));
    const client = runScript("bench/pages-client.ts", [url, String(count), String(seconds)]);
    const sampling = setInterval(() => {
      memory_mb = Math.max(memory_mb, (chargeOf(serve.pid)?.rss_bytes ?? 0) / 1e6);
    }, 1_000);
    const { summary } = await client.finally(() => clearInterval(sampling));
    const ran_us = nowUs() - started_us;
    const charge = chargeOf(serve.pid);
    const { cpu_s } = await serve.stop();
    return { summary, memory_mb, serve_percent: ((charge?.cpu_us ?? cpu_s * 1e6) / ran_us) * 100 };
  } finally {
    clearInterval(timer);
    await Promise.all([serve.stop(), stream.stop()]);
    await log.close();
    rmSync(data, { recursive: true, force: true });
  }
}

/** A tick with the present time. */
function now(maker: TickMaker) {
  const { key, value } = maker.next(START_US);
  const text = new TextDecoder().decode(value).replace(/"time":"[^"]*"/, `"time":"${isoFromUs(nowUs())}"`);
  return { key, value: new TextEncoder().encode(text) };
}
