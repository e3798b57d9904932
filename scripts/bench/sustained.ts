/** The largest rate that the path sustains, found by a search; each point has new processes and files. */
import { percentile, type Slope, theilSen } from "../measure/statistics.ts";
import type { Bench, BenchContext } from "./figure.ts";
import { lagsOf, latenciesOf, type OpenLoopRun, openLoop } from "./open-loop.ts";
import { InvalidRun, onBothLogs, type Side } from "./repeat.ts";
import { largestSustained } from "./search.ts";

const SECONDS = 60;
const WARM_SECONDS = 3;
/** Stated limit of p99 from the due time. */
const P99_MS_MAX = 100;
/** From the last frame's due time to its row. */
const END_MS_MAX = 1_000;
const START_RATE = 8_000;
/** The frames are in the sender's memory, 0.4 kB each: 3.3 GB. */
const MOST_RATE = 128_000;
const FACTOR = 1.05;

export const sustained: Bench = {
  name: "sustained",
  about: `largest rate sustained for ${SECONDS} s (lag not growing, p99 ≤ ${P99_MS_MAX} ms), about 12 minutes per run and log`,
  long: true,
  run(context) {
    const ratio = { figure: "Kafka ÷ embedded", of: figureOf("kafka", context), over: figureOf("embedded", context) };
    return onBothLogs("sustained", context, (kind) => sideOf(kind, context), [ratio]);
  },
};

const secondsOf = ({ scale }: BenchContext) => Math.max(1, Math.round(SECONDS * Math.min(1, scale)));
const figureOf = (kind: string, context: BenchContext) => `${kind}, for ${secondsOf(context)} s`;

function sideOf(kind: "embedded" | "kafka", context: BenchContext): Side {
  const [figure, seconds, scale] = [figureOf(kind, context), secondsOf(context), Math.min(1, context.scale)];
  const most = Math.max(2_000, Math.round(MOST_RATE * scale));
  const limits = { start: Math.min(START_RATE, most / 2), least: 1_000, most, factor: FACTOR };
  return {
    part: kind,
    shape: { [figure]: { unit: "ticks/s" } },
    once: async () => {
      const why = new Map<number, PointVerdict>();
      const { sustained, failed } = await largestSustained(limits, async (rate) => {
        const plan = { kind, rate, warm_s: WARM_SECONDS * scale, seconds, wait_s: END_MS_MAX / 1_000 };
        const verdict = verdictOf(await openLoop(plan, context));
        why.set(rate, verdict);
        context.logger.info(`${kind} at ${rate.toLocaleString("en")}/s: ${verdict.text}`);
        return verdict.state === "sustained";
      });
      const values = { [figure]: sustained };
      const limit = failed === null ? null : why.get(failed)!;
      if (limit?.state === "invalid") return new InvalidRun(values, `at ${failed}/s ${limit.text}`);
      if (sustained === null) return new InvalidRun(values, `${limits.least}/s is not sustained: ${limit!.text}`);
      if (failed === null) return new InvalidRun(values, `${most}/s, the bench's largest rate, is sustained`);
      return values;
    },
  };
}

interface PointVerdict {
  /** `invalid`: the sender was too slow to judge the path at this rate. */
  state: "sustained" | "not sustained" | "invalid";
  /** Why, for people. */
  text: string;
}

/**
 * Judges one point. The lag grows when the whole interval of its slope is above 0; a lag that shrinks
 * is sustained. Where the path fails by more than the sender's own lateness, the sender does not
 * matter.
 */
export function verdictOf(run: OpenLoopRun): PointVerdict {
  const p99_ms = percentile(latenciesOf(run), 0.99) ?? Number.POSITIVE_INFINITY;
  const end_ms = (run.seen_us.at(-1)! - run.due_us.at(-1)!) / 1_000;
  const late_ms = run.sender.late_max_ms;
  const slope = theilSen(lagsOf(run));
  const figures = `p99 ${p99_ms.toFixed(1)} ms, ${slopeText(slope)}, end after ${end_ms.toFixed(0)} ms`;
  const isOver = (by_ms: number) => p99_ms > P99_MS_MAX + by_ms || end_ms > END_MS_MAX + by_ms;
  if (isOver(late_ms)) return { state: "not sustained", text: figures };
  if (run.invalid !== null) return { state: "invalid", text: `${run.invalid}; ${figures}` };
  return { state: isOver(0) || slope === null || slope.low > 0 ? "not sustained" : "sustained", text: figures };
}

function slopeText(slope: Slope | null): string {
  if (slope === null) return "no slope of the lag";
  const [middle, low, high] = [slope.slope, slope.low, slope.high].map((one) => one.toFixed(3));
  return `lag ${middle} ms/s (${low} to ${high})`;
}
