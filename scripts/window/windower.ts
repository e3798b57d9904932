/** Which windows a time belongs to, and which a watermark closes. Pure: no clock, no store, no ticks. */
import type { WindowSpec } from "../contract/window.ts";

/** Start of the last window that contains `time_us`: floor, also before 1970 (windows.md, "Ours must be" 1). */
export function lastStart(time_us: number, spec: WindowSpec): number {
  return Math.floor(time_us / spec.every_us) * spec.every_us;
}

/** Starts of all windows `[start, start + size)` that contain `time_us`, latest first; one when windows tumble. */
export function windowStarts(time_us: number, spec: WindowSpec): number[] {
  const starts: number[] = [];
  for (let start = lastStart(time_us, spec); start > time_us - spec.size_us; start -= spec.every_us) starts.push(start);
  return starts;
}

/** A window is closed exactly when end ≤ M − lateness (windows.md: all engines agree on this rule). */
export function isClosed(start_us: number, spec: WindowSpec, closed_until_us: number): boolean {
  return start_us + spec.size_us <= closed_until_us;
}
