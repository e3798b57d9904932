/** Processes as tests run them: to their end, or until a signal; and waiting for them. */
import { join } from "node:path";
import { runProgram } from "../../scripts/base/process.ts";
import { PROJECT_ROOT as ROOT } from "../../scripts/base/project.ts";

export interface Ran {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
  /** The object that `--json` ended with. */
  json: Record<string, number>;
}

/** What is left out is as it is for this process, but stdin is empty. */
interface Options {
  /** Added to the environment of this process. */
  env?: Record<string, string | undefined>;
  /** The child gets `env` alone. */
  isBare?: boolean;
  cwd?: string;
  /** A text, or a pipe for the stage's `stdin`. */
  stdin?: Blob | "pipe";
}

/** A command of the project as the system starts it. */
export const commandOf = (name: string, args: string[]): string[] => [
  process.execPath,
  join(ROOT, "scripts", `${name}.ts`),
  ...args,
];

/** A process of test/support/children as the system starts it. */
export const childOf = (name: string, args: string[]): string[] => [
  process.execPath,
  join(import.meta.dir, "children", `${name}.ts`),
  ...args,
];

/** A process whose output is kept, and which nothing ends but its own end or a signal. */
export function startProgram(command: string[], { env, isBare, cwd, stdin }: Options = {}): Stage {
  const child = Bun.spawn(command, {
    stdin: stdin ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: isBare ? env : { ...process.env, ...env },
    cwd,
  });
  let printed = "";
  let said = "";
  const reading = Promise.all([
    each(child.stdout, (text) => {
      printed += text;
    }),
    each(child.stderr, (text) => {
      said += text;
    }),
  ]);
  const ended = Promise.all([child.exited, reading]).then(() => child.signalCode ?? child.exitCode ?? -1);
  const signal = (name: NodeJS.Signals) => child.kill(name);
  const stop = (name: NodeJS.Signals = "SIGTERM") => {
    signal(name);
    return ended;
  };
  return {
    pid: child.pid,
    stdin: child.stdin as Bun.FileSink,
    printed: () => printed,
    said: () => said,
    cpuSeconds: () => Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    signal,
    stop,
    exited: child.exited,
    ended,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

async function each(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
}

/** Runs a program to its end. */
export async function runToEnd(command: string[], options: Options = {}): Promise<Ran> {
  const stage = startProgram(command, options);
  const ended = await stage.ended;
  const isSignal = typeof ended === "string";
  const stdout = stage.printed();
  let json = {};
  try {
    json = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}");
  } catch {}
  return { code: isSignal ? null : ended, signal: isSignal ? ended : null, stdout, stderr: stage.said(), json };
}

/** Runs a command of the project to its end. */
export const run = (name: string, args: string[], env: Record<string, string> = {}): Promise<Ran> =>
  runToEnd(commandOf(name, args), { env });

/** Runs a text of the shell to its end; `before` is a command that runs the shell. */
export const shell = (text: string, options: Options = {}, before: string[] = []): Promise<Ran> =>
  runToEnd([...before, "sh", "-c", text], options);

/** Runs TypeScript in a process of its own, from the project's folder. */
export const evaluate = (script: string, args: string[] = [], env: Record<string, string> = {}): Promise<Ran> =>
  runToEnd([process.execPath, "-e", script, ...args], { cwd: ROOT, env });

/** Processes whose command line contains `text`. */
export const pidsOf = (text: string): string[] =>
  runProgram(["pgrep", "-f", text]).stdout.trim().split("\n").filter(Boolean);

export interface Stage {
  readonly pid: number;
  /** With `stdin: "pipe"`. */
  readonly stdin: Bun.FileSink;
  /** What it wrote on stdout so far. */
  printed(): string;
  /** What it wrote on stderr so far. */
  said(): string;
  isRunning(): boolean;
  /** CPU time of all its threads and of its own children, once it has ended. */
  cpuSeconds(): number;
  signal(name: NodeJS.Signals): void;
  /** Sends SIGTERM, or another signal, and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<number | string>;
  /** Its end; what it wrote may still be on its way. */
  readonly exited: Promise<number>;
  /** The exit status, or the signal that ended it; its output is complete. */
  readonly ended: Promise<number | string>;
  /** Stops it. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Of the present test. */
const started = new Set<Stage>();

/**
 * For afterEach: a test that failed leaves no process behind, not even a sleeping one. Resolves when
 * they are gone: a later test may count processes.
 */
export async function killStages(): Promise<void> {
  const stages = [...started];
  started.clear();
  for (const stage of stages) stage.signal("SIGKILL");
  await Promise.all(stages.map((stage) => stage.exited));
}

/** Starts a command that follows a log. */
export function startStage(name: string, args: string[], env: Record<string, string> = {}): Stage {
  const stage = startProgram(commandOf(name, args), { env });
  started.add(stage);
  return stage;
}

type Nothing = false | null | undefined;

interface Wait {
  /** Longer than any machine needs: it is not a measurement. */
  ms?: number;
  /** By default 10 ms, and then a tenth of what has passed, 100 ms at most: looking costs CPU time. */
  every_ms?: number;
  /** What to show beside the failure; by default what the started stages wrote on stderr. */
  said?: () => string;
}

/** Polls until `look` returns something true, and returns it; fails with `what` if it never does. */
export async function until<T>(
  what: string,
  look: () => T | Nothing | Promise<T | Nothing>,
  { ms = 120_000, every_ms, said = () => [...started].map((stage) => stage.said()).join("\n") }: Wait = {},
): Promise<T> {
  const began_ms = performance.now();
  for (;;) {
    const found = await look();
    if (found) return found;
    const passed_ms = performance.now() - began_ms;
    if (passed_ms > ms) throw new Error(`${what}: not within ${ms / 1_000} s\n${said()}`);
    await Bun.sleep(every_ms ?? Math.min(100, Math.max(10, passed_ms / 10)));
  }
}
