/** Latency while another process syncs 50 MB/s to the same disk, next to a quiet disk, on both logs. */
import { percentile } from "../measure/statistics.ts";
import type { DiskLoad } from "./disk-load.ts";
import type { Bench, BenchContext } from "./figure.ts";
import { openLoop, seenLatencies } from "./open-loop.ts";
import { InvalidRun, measureSides, NO_BROKER, type Side } from "./repeat.ts";
import { startScript } from "./running.ts";

/** Ticks per second, seconds that are counted, and before them. */
const RATE = 1_000;
const SECONDS = 10;
const WARM_SECONDS = 3;
const LATE_SECONDS_MAX = 30;
/** The load writes for this long before the first tick. */
const LOAD_MS = 2_000;
const P99_MS_MAX = 15;

type Kind = "embedded" | "kafka";

export const busyDisk: Bench = {
  name: "busy-disk",
  about: "open loop at 1,000 ticks/s while another process writes and syncs 50 MB/s to the same disk, on both logs",
  async run(context) {
    const ratio = (kind: Kind, share: string) => ({
      figure: `${kind}, busy ÷ quiet, ${share}`,
      of: `${kind}, busy, ${share}`,
      over: `${kind}, quiet, ${share}`,
    });
    const pairs = (kind: Kind) => {
      const sides = [true, false].map((isBusy) => side(kind, isBusy, context));
      return measureSides("busy-disk", context, sides, [ratio(kind, "p50"), ratio(kind, "p99")]);
    };
    const embedded = await pairs("embedded");
    if (context.kafka === null) return [...embedded, { bench: "busy-disk on Kafka", skipped: NO_BROKER }];
    return [...embedded, ...(await pairs("kafka"))];
  },
};

function side(kind: Kind, isBusy: boolean, context: BenchContext): Side {
  const part = `${kind}, ${isBusy ? "busy" : "quiet"}`;
  const [p50, p99, sync] = [`${part}, p50`, `${part}, p99`, `${part}, the other's write and sync, p50`];
  const goal = kind === "embedded" ? { most: P99_MS_MAX } : undefined;
  const scale = Math.min(1, context.scale);
  const plan = { kind, rate: RATE, warm_s: WARM_SECONDS * scale, seconds: Math.max(1, SECONDS * scale) };
  return {
    part,
    withBroker: kind === "kafka",
    shape: { [p50]: { unit: "ms" }, [p99]: { unit: "ms", goal }, ...(isBusy && { [sync]: { unit: "ms" } }) },
    once: async () => {
      const load = isBusy ? startScript("bench/disk-load.ts", [context.dir]) : null;
      try {
        if (load !== null) await Bun.sleep(LOAD_MS * scale);
        const run = await openLoop({ ...plan, wait_s: LATE_SECONDS_MAX }, context);
        const latencies = seenLatencies(run);
        const found = load === null ? null : (JSON.parse((await load.stop()).out) as DiskLoad);
        const values = {
          [p50]: percentile(latencies, 0.5),
          [p99]: percentile(latencies, 0.99),
          ...(found && { [sync]: found.sync_p50_ms }),
        };
        return run.invalid === null ? values : new InvalidRun(values, run.invalid);
      } finally {
        await load?.stop().catch(() => {});
      }
    },
  };
}
