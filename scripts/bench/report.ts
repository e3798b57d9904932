/** The figures as a table for people and as JSON for machines, with what they were measured on. */
import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { nowUs } from "../base/clock.ts";
import { isoFromUs } from "../base/iso.ts";
import { median } from "../base/median.ts";
import { type Figure, isMet, round, type Skipped } from "./figure.ts";

interface Machine {
  cpu: string;
  cores: number;
  memory_bytes: number;
  system: string;
  versions: Record<"tidemark" | "bun" | "kafkajs" | "duckdb" | "sqlite", string>;
  /** Load average of the minute before the bench: other work on this machine. */
  load: number;
  measured_at: string;
}

export function machine(): Machine {
  const { version, dependencies } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const db = new Database(":memory:");
  const sqlite = db.query<{ version: string }, []>("SELECT sqlite_version() AS version").get()!.version;
  db.close();
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memory_bytes: totalmem(),
    system: `${type()} ${release()}`,
    versions: {
      tidemark: version,
      bun: Bun.version,
      kafkajs: dependencies.kafkajs,
      duckdb: dependencies["@duckdb/node-api"],
      sqlite,
    },
    load: loadavg()[0]!,
    measured_at: isoFromUs(nowUs()),
  };
}

export interface Report {
  machine: Machine;
  runs: number;
  scale: number;
  results: (Figure | Skipped)[];
}

/** A Markdown table, ready for docs/performance.md. */
export function table({ machine: m, runs, scale, results }: Report): string {
  const rows = results.map((one) => {
    if ("skipped" in one) return [one.bench, `skipped: ${one.skipped}`, "", "", "", ""];
    const { bench, figure, values, unit, goal } = one;
    const spread = values.length > 1 ? `${round(Math.min(...values))} – ${round(Math.max(...values))}` : "";
    const aim = goal === undefined ? "" : "least" in goal ? `≥ ${round(goal.least)}` : `≤ ${round(goal.most)}`;
    const met = isMet(one);
    return [bench, figure, `${round(median(values))} ${unit}`, spread, aim, met === null ? "" : met ? "yes" : "no"];
  });
  const head = ["bench", "figure", "median", "runs", "goal", "met"];
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  const versions = Object.entries(m.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${m.cores} × ${m.cpu}, ${Math.round(m.memory_bytes / 1e9)} GB, ${m.system}; ${versions.join(", ")}; ${m.measured_at.slice(0, 16)}Z`,
    `medians of ${runs} run${runs === 1 ? "" : "s"}, scale ${scale}, load before ${m.load.toFixed(1)}`,
    "",
    line(head),
    line(widths.map((width) => "-".repeat(width))),
    ...rows.map(line),
    "",
  ].join("\n");
}

/** One JSON object with every run, and `median` and `met` of each figure. */
export function json(report: Report): string {
  const results = report.results.map((one) =>
    "skipped" in one ? one : { ...one, median: median(one.values), met: isMet(one) },
  );
  return `${JSON.stringify({ ...report, results })}\n`;
}
