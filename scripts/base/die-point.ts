/**
 * Named points at which a test may end this process (docs/faults.md). TIDEMARK_DIE_AT=name:n sends it
 * SIGKILL at the n-th passing, name:n:SIGSTOP suspends it there, and list:FILE notes each passing.
 */
import { appendFileSync } from "node:fs";

const asked = process.env.TIDEMARK_DIE_AT ?? "";
const list = asked.startsWith("list:") ? asked.slice("list:".length) : null;
const [wanted, count, signal] = asked.split(":");
let left = Number(count ?? 1);

/** Passes a named point. Without the variable it costs one comparison. */
export function diePoint(name: string): void {
  if (asked === "") return;
  if (list !== null) appendFileSync(list, `${name}\n`);
  if (name !== wanted) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, (signal ?? "SIGKILL") as NodeJS.Signals);
}
