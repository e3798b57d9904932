/** Memory limits of a process for SQL that users write: the kernel's, and a parent that watches. */
import { dlopen, ptr } from "bun:ffi";
import { readFileSync } from "node:fs";
import { sentence, TidemarkError } from "../base/errors.ts";
import {
  INTERRUPT_MS_MAX,
  LIMITED_DATA_BYTES,
  LIMITED_RSS_BYTES_MAX,
  MEMORY_WATCH_ELSEWHERE_MS,
  MEMORY_WATCH_MS,
} from "../base/limits.ts";
import { LIMITED_VARIABLE, type ProcessEnd, runProgram, spawnScript } from "../base/process.ts";
import { onAbort } from "../base/wait.ts";

const RLIMIT_DATA = 2;
const RLIMIT_CORE = 4;
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

export const TOO_MUCH_MEMORY = `It needed more than ${(LIMITED_DATA_BYTES / 1e9).toFixed(1)} GB of memory and its process was ended: group or filter earlier, or read the view minutes.`;

/**
 * Limits this process for good: it may map LIMITED_DATA_BYTES more (DuckDB then reports out of memory)
 * and writes no core file; `with_parent`: it ends with its parent. Returns whether the kernel enforces
 * it: on Linux with glibc only, elsewhere the parent's watch is the limit.
 */
export function limitThisProcess({ with_parent = false } = {}): boolean {
  if (process.platform !== "linux") return false;
  try {
    const { symbols } = dlopen("libc.so.6", {
      setrlimit: { args: ["i32", "ptr"], returns: "i32" },
      prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
    });
    // JavaScriptCore reserves 6 GB that it never uses, so the limit counts from what is mapped now.
    const mapped = Number(/^VmData:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
    const limit = (bytes: number) => ptr(new BigUint64Array([BigInt(bytes), BigInt(bytes)]));
    symbols.setrlimit(RLIMIT_CORE, limit(0));
    if (with_parent) symbols.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    return symbols.setrlimit(RLIMIT_DATA, limit(mapped + LIMITED_DATA_BYTES)) === 0;
  } catch {
    return false;
  }
}

/**
 * Calls `over` once when the process holds more than LIMITED_RSS_BYTES_MAX. Returns how to end the
 * watch.
 */
export function watchMemory(pid: number, over: () => void): () => void {
  const rssOf = process.platform === "linux" ? rssOnLinux : rssByPs;
  const every_ms = process.platform === "linux" ? MEMORY_WATCH_MS : MEMORY_WATCH_ELSEWHERE_MS;
  const timer = setInterval(() => {
    if (rssOf(pid) <= LIMITED_RSS_BYTES_MAX) return;
    clearInterval(timer);
    over();
  }, every_ms);
  timer.unref();
  return () => clearInterval(timer);
}

/** Resident bytes of a process; 0 when it has ended. */
function rssOnLinux(pid: number): number {
  try {
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** The same where there is no /proc (macOS). Exported for its test. */
export function rssByPs(pid: number): number {
  return Number(runProgram(["ps", "-o", "rss=", "-p", String(pid)]).stdout.trim() || 0) * 1024;
}

/** The error of a query whose process ended although nobody stopped it. */
export function endedBy({ code, signal }: Pick<ProcessEnd, "code" | "signal">): string {
  const how = signal === null ? `with status ${code}` : `by ${signal}`;
  return `Its process ended ${how} inside DuckDB, mostly of too much memory or too deep nesting: simplify the query.`;
}

/** Whether this is the process that `runLimited` started for the work. */
export function isLimited(): boolean {
  return process.env[LIMITED_VARIABLE] === String(process.ppid);
}

/**
 * Runs this whole command again in a limited process with the same stdio, and returns its exit status;
 * null in that process, where the work is done. Rejects with QUERY when the limit or DuckDB ended it.
 */
export async function runLimited(signal: AbortSignal): Promise<number | null> {
  if (isLimited()) {
    limitThisProcess({ with_parent: true });
    return null;
  }
  const [, script = "", ...args] = process.argv;
  const child = spawnScript(script, args, {
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
    env: { [LIMITED_VARIABLE]: String(process.pid) },
  });
  let isOver = false;
  const unwatch = watchMemory(child.pid, () => {
    isOver = true;
    child.kill("SIGKILL");
  });
  const forget = onAbort(signal, () => void child.stop(INTERRUPT_MS_MAX));
  try {
    const end = await child.ended;
    if (isOver) throw new TidemarkError("QUERY", TOO_MUCH_MEMORY);
    // Our statuses: done, failed, wrong usage, a second signal. Others are an abort of DuckDB or the
    // runtime.
    if (end.signal === null && [0, 1, 2, 130].includes(end.code)) return end.code;
    if (signal.aborted) return 130;
    throw new TidemarkError("QUERY", endedBy(end));
  } finally {
    unwatch();
    forget();
  }
}

/** Whether an error of DuckDB or of the runtime means that memory ran out. */
export function isMemory(error: unknown): boolean {
  return /^(Out of Memory Error|Out of memory|std::bad_alloc)|\bbad allocation\b|Allocation failure/i.test(
    sentence(error),
  );
}
