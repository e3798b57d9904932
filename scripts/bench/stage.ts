/** One run of a command from start to end: its own JSON summary, its time, and what it was charged. */
import { monotonicMs } from "../base/clock.ts";
import { endedCharge } from "../measure/process-cost.ts";
import { startScript } from "./running.ts";

interface StageRun {
  /** What it printed with --json. */
  summary: Record<string, number>;
  /** From spawn to exit. */
  seconds: number;
  /** CPU time with its own children, as the page has it (measure/process-cost.ts). */
  cpu_s: number;
  /** Bytes of pages that it made dirty to be written; null where the system does not report them. */
  written_bytes: number | null;
  peak_mb: number;
}

/** Runs a command to its end. */
export function runStage(name: string, args: string[]): Promise<StageRun> {
  return runScript(`${name}.ts`, args);
}

/**
 * Runs a file of `scripts/` to its end. Rejects with CHILD_FAILED, with its error, when it fails. No
 * other child of this process may end meanwhile: its charge would be counted.
 */
export async function runScript(file: string, args: string[]): Promise<StageRun> {
  const before = endedCharge();
  const started_ms = monotonicMs();
  const { out, cpu_s: waited_s } = await startScript(file, args).done;
  const seconds = (monotonicMs() - started_ms) / 1_000;
  const after = endedCharge();
  const summary = JSON.parse(out.trim().split("\n").at(-1) || "{}");
  const grown = (name: "cpu_us" | "written_bytes") => {
    const [from, to] = [before?.[name] ?? null, after?.[name] ?? null];
    return from === null || to === null ? null : to - from;
  };
  const cpu_us = grown("cpu_us");
  return {
    summary,
    seconds,
    cpu_s: cpu_us === null ? waited_s : cpu_us / 1e6,
    written_bytes: grown("written_bytes"),
    peak_mb: summary.peak_rss_bytes / 1e6,
  };
}
