/** Whether a page that stays open grows: heap, listeners and nodes, with every chart in view. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { CDPSession } from "playwright-core";
import { monotonicMs } from "../base/clock.ts";
import { median } from "../base/median.ts";
import { inChromium, launch } from "./browser-page.ts";
import type { Bench, BenchContext } from "./figure.ts";
import { measure } from "./repeat.ts";
import { startScript } from "./running.ts";

const MINUTES = 30;
const SAMPLES = 60;
/** Higher than the page: each of its charts is in view. */
const VIEWPORT = { width: 1_400, height: 12_000 };
const LISTENERS_MAX = 2;
/** Last quarter over the second: metrics of 720 windows fill until the 24th minute, 0.05 MB in each. */
const HEAP_RATIO_MAX = 1.15;

export const openPage: Bench = {
  name: "open-page",
  about: "heap, listeners and nodes of a page that stays open for 30 minutes at ×30",
  long: true,
  run(context) {
    const shape = {
      heap: { unit: "MB" },
      "heap, last quarter over the second": { unit: "×", goal: { most: HEAP_RATIO_MAX } },
      "listeners more": { unit: "count", goal: { most: LISTENERS_MAX } },
      "nodes more": { unit: "count" },
    } as const;
    return inChromium("open-page", () => measure("open-page", context, shape, () => grown(context)));
  },
};

interface Sample {
  heap_mb: number;
  listeners: number;
  nodes: number;
}

async function grown(context: BenchContext) {
  const data = mkdtempSync(join(context.dir, "open-"));
  const replay = ["--replay", "--loop", "--speed", "30", "--data", data, "--port", "0"];
  const started = startScript("start.ts", replay);
  const browser = await launch();
  try {
    const page = await (await browser.newContext({ viewport: VIEWPORT })).newPage();
    // "Tidemark (REPLAY) is at http://…"
    await page.goto(/https?:\S+/.exec(await started.firstLine)![0]);
    const session = await page.context().newCDPSession(page);
    const samples: Sample[] = [];
    const every_ms = (MINUTES * 60_000 * Math.min(1, context.scale)) / SAMPLES;
    const began_ms = monotonicMs();
    while (samples.length < SAMPLES) {
      await Bun.sleep(Math.max(0, began_ms + every_ms * (samples.length + 1) - monotonicMs()));
      context.signal.throwIfAborted();
      samples.push(await sampled(session));
      context.logger.debug(samples.at(-1));
    }
    return growth(samples);
  } finally {
    await browser.close();
    await started.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

/** After a collection: what is still reachable, of scripts and of the browser's own objects. */
async function sampled(session: CDPSession): Promise<Sample> {
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize, embedderHeapUsedSize } = await session.send("Runtime.getHeapUsage");
  const { jsEventListeners, nodes } = await session.send("Memory.getDOMCounters");
  return { heap_mb: (usedSize + embedderHeapUsedSize) / 1e6, listeners: jsEventListeners, nodes };
}

/** Medians of quarters: a batch or the end of the recording moves single samples. */
function growth(samples: Sample[]) {
  const quarter = samples.length / 4;
  const of = (n: number, name: keyof Sample) =>
    median(samples.slice(n * quarter, (n + 1) * quarter).map((sample) => sample[name]));
  return {
    heap: of(3, "heap_mb"),
    "heap, last quarter over the second": of(3, "heap_mb") / of(1, "heap_mb"),
    "listeners more": of(3, "listeners") - of(1, "listeners"),
    "nodes more": of(3, "nodes") - of(1, "nodes"),
  };
}
