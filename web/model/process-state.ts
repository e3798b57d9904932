/** Whether a stage's process is still there, as far as this machine can say: a frozen stage needs other help than one that has ended. */
import { readFileSync } from "node:fs";

/** "unknown": no /proc (macOS), or the stage may run elsewhere (a container). */
export type ProcessState = "running" | "stopped" | "gone" | "unknown";

/** The state of the process `pid` if it is the command `name`; a pid that another program has now is "gone". */
export function processState(pid: number | null, name: string): ProcessState {
  if (pid === null || process.platform !== "linux") return "unknown";
  try {
    if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`${name}.ts`)) return "gone";
    // The command's name, in parentheses, may hold anything: the state follows the last one.
    const state = /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/s, ")"))?.[1];
    if (state === "Z" || state === "X") return "gone";
    return state === "T" || state === "t" ? "stopped" : "running";
  } catch {
    return "gone";
  }
}
