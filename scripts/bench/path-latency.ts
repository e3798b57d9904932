/** Time from a frame's due time to a committed window row, through produce, log and stream. */
import { percentile } from "../measure/statistics.ts";
import type { Bench, BenchContext, Figure, Skipped } from "./figure.ts";
import { openLoop, seenLatencies } from "./open-loop.ts";
import { InvalidRun, onBothLogs, type Side } from "./repeat.ts";

const SECONDS = 10;
const WARM_SECONDS = 3;
const LATE_SECONDS_MAX = 30;
const RATES = [1_000, 20_000];
/** Goals for p50 and p99 at 1,000 ticks/s. */
const P50_MS_MAX = 3;
const P99_MS_MAX = { embedded: 15, kafka: 30 };
/** A larger difference between the halves of a run is a growing lag. */
const GROWTH_MS_MAX = 10;

export const latency: Bench = {
  name: "latency",
  about: "open loop, from a frame's due time to the committed window row, at 1,000 and 20,000 ticks/s, on both logs",
  async run(context) {
    const figures: (Figure | Skipped)[] = [];
    for (const rate of RATES) {
      const at = `${rate.toLocaleString("en")}/s`;
      const ratios = ["p50", "p99"].map((share) => ({
        figure: `Kafka ÷ embedded, ${at}, ${share}`,
        of: `kafka, ${at}, ${share}`,
        over: `embedded, ${at}, ${share}`,
      }));
      const found = await onBothLogs("latency", context, (kind) => sideOf(kind, rate, context), ratios);
      figures.push(...found.filter((one) => rate === RATES[0] || !("skipped" in one)));
    }
    return figures;
  },
};

function sideOf(kind: "embedded" | "kafka", rate: number, context: BenchContext): Side {
  const part = `${kind}, ${rate.toLocaleString("en")}/s`;
  const least = rate === RATES[0];
  const [p50, p99, growth, late] = ["p50", "p99", "last half − first, p50", "sender late, p99"].map(
    (name) => `${part}, ${name}`,
  ) as [string, string, string, string];
  const scale = Math.min(1, context.scale);
  // At least a second is counted: p99 needs 1,000 ticks.
  const plan = { kind, rate, warm_s: WARM_SECONDS * scale, seconds: Math.max(1, SECONDS * scale) };
  return {
    part,
    shape: {
      [p50]: { unit: "ms", goal: least ? { most: P50_MS_MAX } : undefined },
      [p99]: { unit: "ms", goal: least ? { most: P99_MS_MAX[kind] } : undefined },
      [growth]: { unit: "ms", goal: { most: GROWTH_MS_MAX } },
      [late]: { unit: "ms" },
    },
    once: async () => {
      const run = await openLoop({ ...plan, wait_s: LATE_SECONDS_MAX }, context);
      const latencies = seenLatencies(run);
      const half = latencies.length >> 1;
      const [first, last] = [latencies.subarray(0, half), latencies.subarray(half)];
      const values = {
        [p50]: percentile(latencies, 0.5),
        [p99]: percentile(latencies, 0.99),
        [growth]: percentile(last, 0.5)! - percentile(first, 0.5)!,
        [late]: run.sender.late_p99_ms,
      };
      return run.invalid === null ? values : new InvalidRun(values, run.invalid);
    },
  };
}
