/**
 * Named points at which a test may end this process: TIDEMARK_DIE_AT=name:n is a kill -9 of itself at the n-th passing, name:n:SIGSTOP
 * lets it sleep there like a suspended laptop (faults.md section 4).
 */
const [wanted, count, signal] = (process.env.TIDEMARK_DIE_AT ?? "").split(":");
let left = Number(count ?? 1);

/** Passes a named point; one comparison when no death is asked for. */
export function diePoint(name: string): void {
  if (name !== wanted) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, (signal ?? "SIGKILL") as NodeJS.Signals);
}
