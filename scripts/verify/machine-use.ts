/** CPU time of the machine and of processes, read from /proc by the judge itself. */
import { readFileSync } from "node:fs";
import { monotonicMs } from "../base/clock.ts";

/** Clock ticks per second: 100 on every Linux that Bun runs on. */
const HERTZ = 100;

/** Seconds of CPU time since the machine's start: of these processes, and of all others. */
interface CpuUse {
  at_s: number;
  own_s: number;
  others_s: number;
}

/** Null where /proc can't be read. Ended children count for their parents. */
export function cpuUse(pids: readonly number[]): CpuUse | null {
  try {
    const own_s = pids.reduce((sum, pid) => sum + processCpuS(pid), 0);
    const busy_s = busyS(readFileSync("/proc/stat", "utf8"));
    return { at_s: monotonicMs() / 1_000, own_s, others_s: busy_s - own_s };
  } catch {
    return null;
  }
}

/** CPU time of a process and of its ended children, without those alive. */
export function processCpuS(pid: number): number {
  return (
    fieldsOf(pid)
      .slice(13, 17)
      .reduce((sum, ticks) => sum + Number(ticks), 0) / HERTZ
  );
}

/** CPU time of its ended children. */
export function childrenCpuS(pid: number): number {
  return (
    fieldsOf(pid)
      .slice(15, 17)
      .reduce((sum, ticks) => sum + Number(ticks), 0) / HERTZ
  );
}

/** Bytes that a process has sent to the storage; null where the system does not report them. */
export function writtenBytes(pid: number): number | null {
  try {
    return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1] ?? Number.NaN);
  } catch {
    return null;
  }
}

/** The fields of /proc/PID/stat from 1 on: the second, the name, may contain spaces. */
function fieldsOf(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return ["", "", ...text.slice(text.lastIndexOf(")") + 2).split(" ")];
}

/** user, nice, system, irq and softirq of all processors. */
function busyS(text: string): number {
  const [, user, nice, system, , , irq, softirq] = text.split("\n")[0]!.split(/ +/).map(Number);
  return (user! + nice! + system! + irq! + softirq!) / HERTZ;
}
