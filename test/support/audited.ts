/** Audits of other engines' answers in a test, figures of their reports, and forged copies of files. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AuditReport, AuditRule, WindowVerdict } from "../../scripts/audit/audit-types.ts";
import { reportView } from "../../scripts/audit/index.ts";
import { type AuditOptions, audit } from "../../scripts/stages/audit.ts";
import { quiet } from "./data.ts";

export interface Audited {
  /** Whether the command would end with 0. */
  passed: boolean;
  report: AuditReport;
}

/** What `bun run audit` finds in windows, without starting it. */
export async function audited(log: string, answers: string, options: Partial<AuditOptions> = {}): Promise<Audited> {
  const result = await audit({ log, data: ".", answers, ...options }, quiet);
  if (result.kind !== "windows") throw new Error(`${answers} was read as ${result.kind}`);
  return { passed: reportView(result, options.trust ?? []).passed, report: result.report };
}

/** Windows counted once, under their first rule, as the report's first line has them. */
export const counted = ({ report: { totals } }: Audited): Record<string, number> => ({
  equal: totals.equal,
  ...Object.fromEntries(totals.by_rule.map(({ rule, windows }) => [rule, windows])),
  consistent: totals.consistent,
  unexplained: totals.unexplained,
});

/** Trade ids named under a rule, in order of the log. */
export const named = ({ report }: Audited, rule: AuditRule) =>
  report.windows
    .flatMap(({ ticks }) => ticks.filter((tick) => tick.rule === rule))
    .sort((a, b) => a.offset - b.offset)
    .map(({ trade_id }) => trade_id);

const unexplained = ({ report }: Audited) => report.windows.filter(({ outcome }) => outcome === "unexplained");
const minuteOf = ({ window_start_us }: WindowVerdict) => new Date(window_start_us / 1_000).toISOString().slice(11, 16);

/** A refused audit: windows without a rule, as minutes. */
export const refused = (found: Audited) => ({ unexplained: unexplained(found).map(minuteOf), passed: found.passed });

export const csvFiles = (folder: string) =>
  existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".csv")) : [];
export const linesOf = (file: string) => readFileSync(file, "utf8").trimEnd().split("\n");

/** The rows of a folder of CSV files as one file's lines, its header first. */
export function gathered(folder: string): string[] {
  const files = csvFiles(folder).map((name) => linesOf(join(folder, name)));
  return [files[0]![0]!, ...files.flatMap((lines) => lines.slice(1)).sort()];
}

/** Lines with one cell of one window changed. */
export function withCell(lines: string[], minute: string, column: string, change: (cell: string) => string): string[] {
  const header = lines[0]!.split(",");
  const [start, index] = [header.indexOf("window_start"), header.indexOf(column)];
  return lines.map((line) => {
    const cells = line.split(",");
    return cells[start]!.includes(`${minute}:00`) ? cells.with(index, change(cells[index]!)).join(",") : line;
  });
}

/** Lines with a cell of each of these columns changed, each in a window of its own, and these windows. */
export function withCells(lines: string[], columns: readonly string[], change: (cell: string) => string) {
  const minutes = columns.map((_, n) => `16:${20 + 2 * n}`);
  const forged = columns.reduce((all, column, n) => withCell(all, minutes[n]!, column, change), lines);
  return { lines: forged, minutes };
}

/** The last digit, by one. */
export const lastDigit = (cell: string) => cell.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10));

/** Writes lines as a file, and returns its path. */
export function written(file: string, lines: string[]): string {
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}
