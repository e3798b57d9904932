/** Other processes: the one way to start them, and whether one lives. */
import { existsSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { PROCESS_ERROR_BYTES_MAX } from "./limits.ts";

/** The pid of the process that holds this one's lifeline; the child leaves Ctrl-C to it. */
export const PARENT_VARIABLE = "TIDEMARK_PARENT";

/**
 * The pid of the parent of a `query` that limits its own memory; without it `query` starts a limited
 * process of itself, and watches that.
 */
export const LIMITED_VARIABLE = "TIDEMARK_LIMITED";

type Input = "ignore" | "inherit" | "pipe" | "lifeline";
type Output = "ignore" | "inherit" | "pipe";

/** What is left out is closed to the child: it reads nothing, and its output is dropped. */
interface SpawnOptions<In extends Input, Out extends Output> {
  /** `lifeline`: a pipe that ends with this process in any case; our commands drain at its end. */
  stdin?: In;
  stdout?: Out;
  /** `keep`: the last PROCESS_ERROR_BYTES_MAX bytes are the `stderr` of its end. */
  stderr?: "ignore" | "inherit" | "keep";
  /** Added to the environment of this process. */
  env?: Record<string, string>;
  cwd?: string;
  /** It is killed with SIGKILL when it runs longer than this many milliseconds. */
  ms_max?: number;
}

/** How a process ended. */
export interface ProcessEnd {
  /** Exit status; 128 + its number for a signal. */
  code: number;
  signal: NodeJS.Signals | null;
  /** With `stderr: "keep"`; otherwise "". */
  stderr: string;
  /** It was killed because it ran longer than `ms_max`. */
  isLate: boolean;
  /** CPU time of all its threads, in seconds. */
  cpu_s: number;
}

/** A process that was started. */
export interface Spawned<In extends Input = Input, Out extends Output = Output> {
  pid: number;
  stdin: In extends "pipe" ? Bun.FileSink : unknown;
  stdout: Out extends "pipe" ? ReadableStream<Uint8Array> : unknown;
  /** Resolves when it has ended and its stderr is read. Never rejects. */
  ended: Promise<ProcessEnd>;
  /** Does nothing once it has ended. */
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL if it has not ended after `grace_ms` milliseconds. */
  stop(grace_ms: number): Promise<ProcessEnd>;
}

/** Starts one of our files in a process of this Bun. Throws when the system starts no process. */
export function spawnScript<In extends Input = "ignore", Out extends Output = "ignore">(
  file: string,
  args: string[],
  options: SpawnOptions<In, Out> = {},
): Spawned<In, Out> {
  return spawnProgram([process.execPath, file, ...args], options);
}

/** Starts another program. Throws when it does not exist or the system starts no process. */
export function spawnProgram<In extends Input = "ignore", Out extends Output = "ignore">(
  command: string[],
  { stdin, stdout, stderr, env, cwd, ms_max }: SpawnOptions<In, Out>,
): Spawned<In, Out> {
  const isLifeline = stdin === "lifeline";
  const child = Bun.spawn(command, {
    stdin: isLifeline ? "pipe" : ((stdin ?? "ignore") as Output),
    stdout: stdout ?? "ignore",
    stderr: stderr === "keep" ? "pipe" : (stderr ?? "ignore"),
    env: { ...process.env, ...(isLifeline && { [PARENT_VARIABLE]: String(process.pid) }), ...env },
    cwd,
  });
  const isLate = killAfter(child, ms_max);
  const ended = endOf(child, isLate);
  return {
    pid: child.pid,
    stdin: child.stdin as Spawned<In, Out>["stdin"],
    stdout: child.stdout as Spawned<In, Out>["stdout"],
    ended,
    kill: (signal) => child.kill(signal),
    stop: (grace_ms) => {
      child.kill("SIGTERM");
      killAfter(child, grace_ms);
      return ended;
    },
  };
}

/** Returns whether the time is over and the child was killed for it. */
function killAfter(child: Bun.Subprocess, ms: number | undefined): () => boolean {
  if (ms === undefined) return () => false;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, ms);
  void child.exited.then(() => clearTimeout(timer));
  return () => isLate;
}

async function endOf(child: Bun.Subprocess, isLate: () => boolean): Promise<ProcessEnd> {
  const text = child.stderr instanceof ReadableStream ? tailOf(child.stderr) : "";
  const [code, stderr] = await Promise.all([child.exited, text]);
  // Bun gives microseconds as a bigint.
  const cpu_s = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
  return { code, signal: child.signalCode as NodeJS.Signals | null, stderr, isLate: isLate(), cpu_s };
}

/** Runs a short program while this process waits. `code` is null if it does not exist or was killed. */
export function runProgram(command: string[]): { code: number | null; stdout: string; stderr: string } {
  try {
    const { exitCode, stdout, stderr } = Bun.spawnSync(command, { stdin: "ignore" });
    return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  } catch (error) {
    return { code: null, stdout: "", stderr: String(error) };
  }
}

/** Whether a process of this pid runs. */
export function lives(pid: string): boolean {
  try {
    return /^\d+$/.test(pid) && process.kill(Number(pid), 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/**
 * The pid of a process that still has `file`, which was removed, open; null when none has or its
 * folder does not exist. Linux only, and only processes that this user may inspect.
 */
export function holderOfRemoved(file: string): string | null {
  if (process.platform !== "linux" || !existsSync(dirname(file))) return null;
  const removed = `${join(realpathSync(dirname(file)), basename(file))} (deleted)`;
  const opens = (pid: string) => names(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === removed);
  return names("/proc").find((name) => /^\d+$/.test(name) && opens(name)) ?? null;
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** The last PROCESS_ERROR_BYTES_MAX bytes of a stream, as text. */
async function tailOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  let tail: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    tail = Buffer.concat([tail, chunk]);
    if (tail.length > 2 * PROCESS_ERROR_BYTES_MAX) tail = tail.subarray(-PROCESS_ERROR_BYTES_MAX);
  }
  return tail.subarray(-PROCESS_ERROR_BYTES_MAX).toString("utf8");
}
