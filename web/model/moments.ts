/** Milliseconds and seconds since 1970 as ISO 8601 UTC, for pages. */
import { isoFromUs } from "../../scripts/base/iso.ts";

export function isoFromMs(ms: number): string {
  return isoFromUs(Math.round(ms * 1_000));
}
