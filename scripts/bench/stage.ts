/** One run of a command from start to end: its own JSON summary, its time, CPU time and memory. */
import { monotonicMs } from "../base/clock.ts";
import { startScript } from "./running.ts";

interface StageRun {
  /** What it printed with --json. */
  summary: Record<string, number>;
  /** From spawn to exit. */
  seconds: number;
  cpu_s: number;
  peak_mb: number;
}

/** Runs a command to its end. */
export function runStage(name: string, args: string[]): Promise<StageRun> {
  return runScript(`${name}.ts`, args);
}

/** Runs a file of `scripts/` to its end. Rejects with CHILD_FAILED, with its error, when it fails. */
export async function runScript(file: string, args: string[]): Promise<StageRun> {
  const started_ms = monotonicMs();
  const { out, cpu_s } = await startScript(file, args).done;
  const seconds = (monotonicMs() - started_ms) / 1_000;
  const summary = JSON.parse(out.trim().split("\n").at(-1) || "{}");
  return { summary, seconds, cpu_s, peak_mb: summary.peak_rss_bytes / 1e6 };
}
