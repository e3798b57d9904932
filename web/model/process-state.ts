/** Whether a stage's process still exists, and whether it is stopped. */
import { readFileSync } from "node:fs";

/** "unknown": without /proc (macOS), or without a pid. */
type ProcessState = "running" | "stopped" | "gone" | "unknown";

/** The state of the process `pid` if it runs the command `name`; a reused pid is "gone". */
export function processState(pid: number | null, name: string): ProcessState {
  if (pid === null || process.platform !== "linux") return "unknown";
  try {
    if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`${name}.ts`)) return "gone";
    // The command's name, in parentheses, may hold any character: the state follows the last ")".
    const state = /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/s, ")"))?.[1];
    if (state === "Z" || state === "X") return "gone";
    return state === "T" || state === "t" ? "stopped" : "running";
  } catch {
    return "gone";
  }
}
