/**
 * Named points at which a test may end this process: TIDEMARK_DIE_AT=name:n is a kill -9 of itself at the n-th passing, name:n:SIGSTOP
 * lets it sleep there like a suspended laptop, and list:FILE notes each passing in a file, so that no list of points can be out of date
 * (faults.md section 4).
 */
import { appendFileSync } from "node:fs";

const asked = process.env.TIDEMARK_DIE_AT ?? "";
const list = asked.startsWith("list:") ? asked.slice("list:".length) : null;
const [wanted, count, signal] = asked.split(":");
let left = Number(count ?? 1);

/** Passes a named point; one comparison when nothing is asked for. */
export function diePoint(name: string): void {
  if (asked === "") return;
  if (list !== null) appendFileSync(list, `${name}\n`);
  if (name !== wanted) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, (signal ?? "SIGKILL") as NodeJS.Signals);
}
