/** What the operating system knows of this process's memory. */
import { readFileSync } from "node:fs";

/** The process's largest resident size so far, in bytes. */
export function peakRssBytes(): number {
  // On Linux a child's maxRSS begins at its parent's peak; VmHWM is of this program alone.
  if (process.platform === "linux") {
    const peak = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
    if (peak) return Number(peak[1]) * 1024;
  }
  const max = process.resourceUsage().maxRSS;
  return process.platform === "darwin" ? max : max * 1024;
}
