/** What the operating system charges a process and its descendants: CPU time, bytes, memory. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Of a process, its ended children and its living descendants. Null: this system does not report it. */
interface Charge {
  /** User and system time of all threads, in microseconds. */
  cpu_us: number;
  /** Bytes that the storage was asked for, and bytes of pages that were made dirty to be written to it. */
  read_bytes: number | null;
  written_bytes: number | null;
  /** Bytes passed to `read` and `write` calls, pipes and the page cache included. */
  read_call_bytes: number | null;
  write_call_bytes: number | null;
  /** Resident memory now; pages that several processes share are counted in each. */
  rss_bytes: number;
  /** Proportional memory now: a shared page is divided by the number of processes that map it. */
  pss_bytes: number | null;
  /** Living processes in this figure. */
  processes: number;
}

/** What only Linux reports of a running process, in the words of the page. */
export const ONLY_ON_LINUX = "bytes read, bytes written, proportional memory, children that still run, machine's CPU";

/** The unit of CPU times in /proc: USER_HZ is 100 on every architecture that Bun runs on. */
const TICK_US = 10_000;
const PROC = "/proc";

/**
 * From the text of /proc/PID/stat; times in microseconds. The name in it may hold spaces and
 * parentheses.
 */
export function parseStat(text: string): { parent: number; cpu_us: number; children_us: number } | null {
  const fields = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  // Fields 4, 14 to 17 of proc_pid_stat(5); the first one here is number 3.
  const [parent, user, system, childUser, childSystem] = [1, 11, 12, 13, 14].map((i) => fields[i]);
  const cpu_us = (user! + system!) * TICK_US;
  const children_us = (childUser! + childSystem!) * TICK_US;
  return Number.isFinite(cpu_us + children_us) ? { parent: parent!, cpu_us, children_us } : null;
}

type Bytes = Pick<Charge, "read_bytes" | "written_bytes" | "read_call_bytes" | "write_call_bytes">;

/** From the text of /proc/PID/io, which includes ended children that were waited for. */
export function parseIo(text: string): Bytes {
  const value = (name: string) => numberAfter(text, name);
  return {
    read_bytes: value("read_bytes"),
    written_bytes: value("write_bytes"),
    read_call_bytes: value("rchar"),
    write_call_bytes: value("wchar"),
  };
}

/** From the text of /proc/PID/smaps_rollup, in bytes. */
export function parseRollup(text: string): { rss_bytes: number; pss_bytes: number | null } {
  const pss_kb = numberAfter(text, "Pss");
  return { rss_bytes: (numberAfter(text, "Rss") ?? 0) * 1024, pss_bytes: pss_kb === null ? null : pss_kb * 1024 };
}

/**
 * From the text of /proc/stat: microseconds since the machine's start in which its processors worked,
 * and were taken away (steal).
 */
export function parseMachine(text: string): { busy_us: number; stolen_us: number } | null {
  const line = /^cpu +(.*)$/m.exec(text)?.[1];
  if (line === undefined) return null;
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(" ").map(Number);
  return { busy_us: (user + nice + system + irq + softirq) * TICK_US, stolen_us: steal * TICK_US };
}

function numberAfter(text: string, name: string): number | null {
  const found = new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text);
  return found ? Number(found[1]) : null;
}

/**
 * CPU time in which the machine worked since its start, in microseconds; null where it is not
 * reported.
 */
export function machineBusyUs(proc = PROC): number | null {
  return parseMachine(textOf(join(proc, "stat")) ?? "")?.busy_us ?? null;
}

/**
 * This process with its ended children and living descendants. Where /proc is missing (macOS) it is
 * getrusage of this process and of the children in `ended_us`; ONLY_ON_LINUX names what is null or
 * left out then.
 */
export function ownCharge(ended_us = 0, proc = PROC): Charge {
  const { user, system } = process.cpuUsage();
  const found = chargeOf(process.pid, proc);
  if (found === null)
    return {
      ...{ read_bytes: null, written_bytes: null, read_call_bytes: null, write_call_bytes: null, pss_bytes: null },
      ...{ cpu_us: user + system + ended_us, rss_bytes: process.memoryUsage.rss(), processes: 1 },
    };
  // Whole ticks of our own are replaced by microseconds.
  const own_us = parseStat(textOf(join(proc, String(process.pid), "stat")) ?? "")?.cpu_us ?? user + system;
  return { ...found, cpu_us: Math.max(found.cpu_us - own_us, 0) + user + system };
}

/**
 * What the ended children of this process were charged so far; the bytes include its own. Null where
 * /proc is missing.
 */
export function endedCharge(proc = PROC): Pick<Charge, "cpu_us" | "read_bytes" | "written_bytes"> | null {
  const read = (name: string) => textOf(join(proc, String(process.pid), name)) ?? "";
  const stat = parseStat(read("stat"));
  return stat && { ...parseIo(read("io")), cpu_us: stat.children_us };
}

/**
 * A process with its ended children and living descendants, read from /proc; null when there is no
 * such process, or no /proc. A child that ends between two reads is missed once and is in its parent's
 * figure from then on.
 */
export function chargeOf(pid: number, proc = PROC): Charge | null {
  const own = oneProcess(pid, proc);
  if (own === null) return null;
  const total = { ...own };
  for (const child of descendants(pid, proc)) {
    const one = oneProcess(child, proc);
    if (one !== null) add(total, one);
  }
  return total;
}

function add(total: Charge, one: Charge): void {
  for (const name of Object.keys(total) as (keyof Charge)[]) {
    const [a, b] = [total[name], one[name]];
    // A figure without one of its processes would be too small.
    Object.assign(total, { [name]: a === null || b === null ? null : a + b });
  }
}

function oneProcess(pid: number, proc: string): Charge | null {
  const read = (name: string) => textOf(join(proc, String(pid), name)) ?? "";
  const stat = parseStat(read("stat"));
  if (stat === null) return null;
  const rollup = read("smaps_rollup");
  const memory =
    rollup === ""
      ? { rss_bytes: (numberAfter(read("status"), "VmRSS") ?? 0) * 1024, pss_bytes: null }
      : parseRollup(rollup);
  // A process that has ended and was not waited for has no memory and no rollup.
  if (memory.rss_bytes === 0) memory.pss_bytes = 0;
  return { cpu_us: stat.cpu_us + stat.children_us, ...parseIo(read("io")), ...memory, processes: 1 };
}

/** All living descendants, parents before children. */
function descendants(pid: number, proc: string): number[] {
  const byParent = childrenFiles(pid, proc) ? (of: number) => childrenFiles(of, proc) ?? [] : scan(proc);
  const found: number[] = [];
  const queue = [pid];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const children = byParent(next);
    found.push(...children);
    queue.push(...children);
  }
  return found;
}

/** From /proc/PID/task/TID/children; null on a kernel without these files. */
function childrenFiles(pid: number, proc: string): number[] | null {
  const tasks = join(proc, String(pid), "task");
  const texts = namesIn(tasks).map((task) => textOf(join(tasks, task, "children")));
  if (texts.every((text) => text === null)) return null;
  return texts.flatMap((text) => (text ?? "").split(" ").filter(Boolean).map(Number));
}

/** The children of a process, from one pass over all processes. */
function scan(proc: string): (pid: number) => number[] {
  const all = namesIn(proc)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), parent: parseStat(textOf(join(proc, name, "stat")) ?? "")?.parent }));
  const byParent = Map.groupBy(all, ({ parent }) => parent);
  return (of) => byParent.get(of)?.map(({ pid }) => pid) ?? [];
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Null when the file is not there, or is another user's. */
function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
