/** Processes of this machine, by their pid. */
/** Whether a process of this pid runs. */
export function lives(pid: string): boolean {
  try {
    return /^\d+$/.test(pid) && process.kill(Number(pid), 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
