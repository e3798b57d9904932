/** Which windows a time belongs to, and which a watermark closes. Pure: no clock, no store, no ticks. */
import type { WindowSpec } from "../contract/window.ts";

/** Start of the last window that contains `time_us` (docs/semantics.md "Windows"). */
export function lastStart(time_us: number, spec: WindowSpec): number {
  return Math.floor(time_us / spec.every_us) * spec.every_us;
}

/** A window is closed exactly when its end ≤ the watermark (docs/semantics.md "Watermark"). */
export function isClosed(start_us: number, spec: WindowSpec, closed_until_us: number): boolean {
  return start_us + spec.size_us <= closed_until_us;
}
