/** Flags that decide which windows there are and when one closes. */
import { formatDuration } from "../base/duration.ts";
import { TidemarkError } from "../base/errors.ts";
import type { WindowSpec } from "../contract/window.ts";
import { type Flag, invalid } from "./cli.ts";
import { durationFlag } from "./flags.ts";

export const WINDOW_FLAG: Flag = {
  flags: "--window <sizes>",
  description: "window size, or several computed in one pass (10s,1m,1h)",
  env: "TIDEMARK_WINDOW",
  parse: windowSizes,
  default: "1m",
};

export const WINDOW_EVERY_FLAG: Flag = {
  flags: "--every <duration>",
  description: "a window begins this often (hopping; it divides the size)",
  env: "TIDEMARK_WINDOW_EVERY",
  parse: durationFlag,
};

export const LATENESS_FLAG: Flag = {
  flags: "--lateness <duration>",
  description: "how long past its end a window waits for ticks that come out of order, in event time",
  env: "TIDEMARK_LATENESS",
  parse: durationFlag,
  default: "1m",
};

export const MAX_SKEW_FLAG: Flag = {
  flags: "--max-skew <duration>",
  description: "a tick stamped further ahead than this does not move the watermark",
  env: "TIDEMARK_MAX_SKEW",
  parse: durationFlag,
  default: "1m",
};

/** Window sizes separated by commas, for a flag; in microseconds, each above 0 and only once. */
export function windowSizes(text: string): number[] {
  const sizes = text.split(",").map(durationFlag);
  if (sizes.some((size) => size === 0)) throw invalid("Give window sizes above 0.");
  if (new Set(sizes).size !== sizes.length) throw invalid("Name each window size once.");
  return sizes;
}

/**
 * Windows of these sizes that begin every `every_us`; without it, one after the other. Fails with
 * USAGE.
 */
export function windowSpecs(sizes_us: readonly number[], every_us?: number): WindowSpec[] {
  return sizes_us.map((size_us) => {
    const step_us = every_us ?? size_us;
    if (step_us === 0 || size_us % step_us !== 0) {
      const [step, size] = [formatDuration(step_us), formatDuration(size_us)];
      throw new TidemarkError("USAGE", `--every ${step} does not divide the window of ${size}.`);
    }
    return { size_us, every_us: step_us };
  });
}
