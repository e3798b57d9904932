/** Processes of the project as tests run them: to their end, or until a signal; and waiting for them. */
import { join } from "node:path";
import { PROJECT_ROOT as ROOT } from "../../scripts/base/project.ts";

export interface Ran {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
  /** The object that `--json` ended with. */
  json: Record<string, number>;
}

/** Runs a command of the project to its end. */
export async function run(name: string, args: string[], env: Record<string, string> = {}): Promise<Ran> {
  const child = Bun.spawn([process.execPath, join(ROOT, "scripts", `${name}.ts`), ...args], {
    stdout: "pipe",
    stderr: "pipe",
    stdin: "ignore",
    env: { ...process.env, ...env },
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  let json = {};
  try {
    json = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}");
  } catch {}
  return { code: child.exitCode, signal: child.signalCode as string | null, stdout, stderr, json };
}

export interface Stage {
  readonly pid: number;
  /** What it said so far. */
  said(): string;
  signal(name: NodeJS.Signals): void;
  /** The exit status, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Of the present test. */
const started = new Set<Stage>();

/** For afterEach: a test that failed leaves no process behind, not even a sleeping one. */
export function killStages(): void {
  for (const stage of started) stage.signal("SIGKILL");
  started.clear();
}

/** Starts a command that follows a log. */
export function startStage(name: string, args: string[], env: Record<string, string> = {}): Stage {
  const child = Bun.spawn([process.execPath, join(ROOT, "scripts", `${name}.ts`), ...args], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { ...process.env, ...env },
  });
  let said = "";
  const reading = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) said += text;
  })();
  const stage: Stage = {
    pid: child.pid,
    said: () => said,
    signal: (signal) => child.kill(signal),
    ended: Promise.all([child.exited, reading]).then(() => child.signalCode ?? child.exitCode ?? -1),
  };
  started.add(stage);
  return stage;
}

type Nothing = false | null | undefined;

interface Wait {
  /** Longer than any machine needs: it is not a measurement. */
  ms?: number;
  every_ms?: number;
  /** What to show beside the failure; by default what the started stages wrote on stderr. */
  said?: () => string;
}

/** Polls until `look` returns something true, and returns it; fails with `what` if it never does. */
export async function until<T>(
  what: string,
  look: () => T | Nothing | Promise<T | Nothing>,
  { ms = 60_000, every_ms = 20, said = () => [...started].map((stage) => stage.said()).join("\n") }: Wait = {},
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${ms / 1_000} s\n${said()}`);
    await Bun.sleep(every_ms);
  }
}
