/** The commands as the bench runs them: whole processes, their own JSON, their CPU time and memory. */
import { join, resolve } from "node:path";
import { monotonicMs } from "../base/clock.ts";
import { TidemarkError } from "../base/errors.ts";

const SCRIPTS = resolve(import.meta.dir, "..");

export interface StageRun {
  /** What it printed with --json. */
  summary: Record<string, number>;
  /** From spawn to exit. */
  seconds: number;
  cpu_s: number;
  peak_mb: number;
}

/** Runs the command `scripts/NAME.ts` to its end. */
export function runStage(name: string, args: string[], env: Record<string, string> = {}): Promise<StageRun> {
  return runScript(`${name}.ts`, args, env);
}

/** Runs a file of `scripts/` to its end; fails with CHILD_FAILED and its last words when it does. */
export async function runScript(file: string, args: string[], env: Record<string, string> = {}): Promise<StageRun> {
  const started_ms = monotonicMs();
  const child = Bun.spawn([process.execPath, join(SCRIPTS, file), ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...env },
  });
  const [out, said] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const seconds = (monotonicMs() - started_ms) / 1_000;
  if (child.exitCode !== 0) {
    throw new TidemarkError("CHILD_FAILED", `${file} ${args.join(" ")} failed: ${complaint(said)}`);
  }
  const summary = JSON.parse(out.trim().split("\n").at(-1) || "{}");
  return { summary, seconds, cpu_s: cpuSeconds(child), peak_mb: summary.peak_rss_bytes / 1e6 };
}

/** CPU time of a process that has ended. */
export function cpuSeconds(child: Bun.Subprocess): number {
  // Bun gives microseconds as a bigint.
  return Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
}

/** A command's error out of all that it said. */
export function complaint(said: string): string {
  const lines = said.trim().split("\n");
  return lines.findLast((line) => line.startsWith("error: ")) ?? lines.at(-1)!;
}
