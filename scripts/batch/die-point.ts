/** Named points at which a test may kill this process: TIDEMARK_DIE_AT=name:n is a kill -9 at the n-th passing (faults.md section 4). */
const [diePointName, diePointCount] = (process.env.TIDEMARK_DIE_AT ?? "").split(":");
let left = Number(diePointCount ?? 1);

export function diePoint(name: string): void {
  if (name !== diePointName) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, "SIGKILL");
}
