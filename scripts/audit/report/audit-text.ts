/** A report for a terminal: summary first, then how it was found, then the differing cells. */
import { printable } from "../../base/printable.ts";
import {
  cellText,
  counted,
  countOf,
  partTicks,
  type ReportView,
  rulesText,
  sameUntil,
  type ViewPart,
  whyText,
} from "./report-view.ts";

/** Lines of the table without --all. */
const LINES_MAX = 40;
/** Trade ids named in one cell without --all, and bytes of a foreign cell. */
const IDS_MAX = 5;
const CELL_BYTES_MAX = 60;
/** Sentences on what nothing explains, without --all. */
const WHYS_MAX = 5;

interface TextOptions {
  all: boolean;
  /** Whether differing digits are marked in bold and underlined. */
  colors: boolean;
}

/** Lines of text that end with a line break; control characters of foreign text are made visible. */
export function auditText(view: ReportView, { all, colors }: TextOptions): string {
  const lines = view.parts.flatMap((part) => partLines(part, all ? Number.POSITIVE_INFINITY : IDS_MAX));
  const shown = all ? lines : lines.slice(0, LINES_MAX);
  const cut = lines.length - shown.length;
  const label = (name: string, i: number) => (i === 0 ? name : "").padEnd(7);
  const texts = [
    view.summary,
    "",
    ...view.facts.map(({ name, text }) => `${label(name, 0)}  ${text}`),
    ...view.how.map((text, i) => `${label("how", i)}  ${text}`),
    ...view.notes.map((text, i) => `${label("note", i)}  ${text}`),
  ];
  return `${[
    ...texts.map((text) => printable(text)),
    ...(shown.length === 0 ? [] : ["", ...table(view, shown, colors)]),
    ...(cut === 0 ? [] : [`… and ${countOf(cut, "lines")} more: --all prints them, --html FILE writes them as a page`]),
    ...whys(view, all ? Number.POSITIVE_INFINITY : WHYS_MAX),
  ].join("\n")}\n`;
}

/** Why the first unexplained ones are not explained. */
function whys({ parts }: ReportView, shown_max: number): string[] {
  const open = parts.filter(({ outcome }) => outcome === "unexplained");
  if (open.length === 0) return [];
  const some = open.slice(0, shown_max).map((part) => {
    const { name, where } = part;
    return printable(`unexplained  ${name}: ${whyText(part)}${where === null ? "" : ` (${where})`}`);
  });
  const rest = open.length - some.length;
  return ["", ...some, ...(rest === 0 ? [] : [`unexplained  … and ${counted(rest)} more`])];
}

/** A cell per difference; the whole row where there is none. The ticks are on the first line. */
function partLines(part: ViewPart, ids_max: number): string[][] {
  const { name, cells, where, what = where === null ? "no row" : "a row" } = part;
  const ticks = partTicks(part, ids_max);
  if (cells.length === 0) return [[name, "(row)", what, "–", rulesText(part, undefined), ticks]];
  return cells.map((cell, i) => {
    const rules = rulesText(part, cell);
    return [name, cell.column, cellText(cell.theirs), cellText(cell.exact), rules, i === 0 ? ticks : ""];
  });
}

const THEIRS = 2;
const EXACT = 3;
const TICKS = 5;
const MARK = "\u001b[1;4m";
const UNMARK = "\u001b[0m";

function table({ unit }: ReportView, lines: readonly string[][], colors: boolean): string[] {
  const head = [unit.replace(/s$/, ""), "column", "theirs", "exact", "rule", "ticks"];
  const rows = lines.map((line) => line.map((cell, i) => printable(cell, i === TICKS ? undefined : CELL_BYTES_MAX)));
  const widths = head.map((name, i) => rows.reduce((width, row) => Math.max(width, row[i]!.length), name.length));
  const padded = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === THEIRS || i === EXACT ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)));
  const body = rows.map((row) => {
    const cells = padded(row);
    if (colors) cells[THEIRS] = marked(cells[THEIRS]!, row[THEIRS]!, row[EXACT]!);
    return cells;
  });
  return [padded(head), ...body].map((cells) => cells.join("  ").trimEnd());
}

/** The padded cell with its differing digits marked. */
function marked(padded: string, theirs: string, exact: string): string {
  const at = padded.length - theirs.length + sameUntil(theirs, exact);
  return `${padded.slice(0, at)}${MARK}${padded.slice(at)}${UNMARK}`;
}
