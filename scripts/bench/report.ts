/** The figures as tables for people and as JSON for machines, with what they were measured on. */
import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { nowUs } from "../base/clock.ts";
import { isoFromUs } from "../base/iso.ts";
import { median } from "../base/median.ts";
import { plural } from "../base/printable.ts";
import { type Conditions, LIMITS_TEXT, percent } from "./conditions.ts";
import { type Figure, isMet, type RunRecord, round, type Skipped, summaryOf } from "./figure.ts";

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
  /** Every run, in the order in which they were made. */
  records: RunRecord[];
  /** The command that repeats a result's bench. */
  repeat: (bench: string) => string;
}

/** Markdown, ready for docs/performance.md: figures, conditions of the runs, and commands. */
export function table(report: Report): string {
  const { machine: m, runs, scale, results, records, repeat } = report;
  const versions = Object.entries(m.versions).map(([name, version]) => `${name} ${version}`);
  const commands = [...new Set(results.map(({ bench }) => repeat(bench)))];
  return [
    `${m.cores} × ${m.cpu}, ${Math.round(m.memory_bytes / 1e9)} GB, ${m.system}; ${versions.join(", ")}; ${m.measured_at.slice(0, 16)}Z`,
    `${plural(runs, "run")}, scale ${scale}, load before ${m.load.toFixed(1)}`,
    "",
    ...markdown(
      FIGURE_HEAD,
      results.map((one) => figureRow(one, results)),
    ),
    "",
    LIMITS_TEXT,
    "",
    ...markdown(CONDITION_HEAD, conditionRows(records)),
    "",
    ...notes(records),
    "To repeat a bench:",
    "",
    ...commands.map((command) => `    ${command}`),
    "",
  ].join("\n");
}

const FIGURE_HEAD = ["bench", "figure", "median", "min – max", "n", "coverage", "invalid", "difference", "goal", "met"];

function figureRow(one: Figure | Skipped, all: readonly (Figure | Skipped)[]): string[] {
  if ("skipped" in one) return [one.bench, `skipped: ${one.skipped}`, ...Array(FIGURE_HEAD.length - 2).fill("")];
  const { bench, figure, unit, goal } = one;
  const { median, min, max, n, coverage, invalid, difference = "" } = summaryOf(one);
  const met = isMet(one);
  return [
    bench,
    figure + rateText(one, all),
    median === null ? (invalid > 0 ? "no valid run" : "too few samples") : `${round(median)} ${unit}`,
    n > 1 ? `${round(min!)} – ${round(max!)}` : "",
    String(n),
    n > 1 ? percent(coverage) : "",
    invalid === 0 ? "" : String(invalid),
    difference,
    goal === undefined ? "" : "least" in goal ? `≥ ${round(goal.least)}` : `≤ ${round(goal.most)}`,
    met === null ? "" : met ? "yes" : "no",
  ];
}

/** The rate at which a cost was measured. */
function rateText({ bench, at }: Figure, all: readonly (Figure | Skipped)[]): string {
  if (at === undefined) return "";
  const rate = typeof at === "number" ? at : rateOf(bench, at, all);
  return rate === null ? "" : ` at ${Math.round(rate).toLocaleString("en")}/s`;
}

function rateOf(bench: string, name: string, all: readonly (Figure | Skipped)[]): number | null {
  const found = all.find((one) => one.bench === bench && "figure" in one && one.figure === name);
  return found === undefined || "skipped" in found ? null : summaryOf(found).median;
}

const CONDITION_HEAD = ["bench", "part", "runs", "load", "steal", "other cores", "pressure", "disturbed"];

/** One row per part of a bench: the median and the largest value of its runs. */
function conditionRows(records: readonly RunRecord[]): string[][] {
  const parts = Map.groupBy(records, ({ bench, part }) => `${bench} ${part}`);
  return [...parts.values()].map((runs) => {
    const spread = (name: keyof Conditions, text: (value: number) => string) => {
      const values = runs.flatMap(({ conditions }) => conditions[name] ?? []);
      if (values.length === 0) return "not reported";
      return `${text(median(values))}, at most ${text(Math.max(...values))}`;
    };
    const cores = (value: number) => value.toFixed(2);
    const disturbed = runs.filter(({ disturbed }) => disturbed.length > 0).map(({ run }) => run);
    return [
      runs[0]!.bench,
      runs[0]!.part,
      String(runs.length),
      spread("load", (value) => value.toFixed(1)),
      spread("steal", percent),
      spread("other_cores", cores),
      spread("pressure", percent),
      disturbed.length === 0 ? "" : `run ${disturbed.join(", ")}`,
    ];
  });
}

/** Each run that does not count, with its values. */
function notes(records: readonly RunRecord[]): string[] {
  const lines = records.flatMap(({ bench, part, run, invalid, values }) => {
    if (invalid === null) return [];
    const measured = Object.entries(values).map(
      ([figure, value]) => `${figure} ${value === null ? "–" : round(value)}`,
    );
    const name = `${[bench, part].filter(Boolean).join(" ")}, run ${run}`;
    return [`- ${name} is invalid: ${invalid}. It measured: ${measured.join("; ")}.`];
  });
  return lines.length === 0 ? [] : [...lines, ""];
}

function markdown(head: string[], rows: readonly string[][]): string[] {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)];
}

/** One JSON object: each figure with its summary, rate and command, and each run with its conditions. */
export function json({ repeat, results, ...report }: Report): string {
  const shown = results.map((one) => {
    if ("skipped" in one) return { ...one, repeat: repeat(one.bench) };
    const { isRatio, at, ...figure } = one;
    const rate = typeof at === "string" ? rateOf(one.bench, at, results) : (at ?? null);
    return { ...figure, ...summaryOf(one), at_per_second: rate, met: isMet(one), repeat: repeat(one.bench) };
  });
  return `${JSON.stringify({ ...report, results: shown })}\n`;
}
