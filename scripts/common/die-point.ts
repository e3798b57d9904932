/** Named points at which a test may kill this process: TIDEMARK_DIE_AT=name:n is a kill -9 of itself at the n-th passing (faults.md section 4). */
const [wanted, count] = (process.env.TIDEMARK_DIE_AT ?? "").split(":");
let left = Number(count ?? 1);

/** Passes a named point; one comparison when no death is asked for. */
export function diePoint(name: string): void {
  if (name !== wanted) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, "SIGKILL");
}
