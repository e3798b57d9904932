/** A report as one self-contained HTML page: no script, no request, every foreign text escaped. */
import { isoSecondFromUs } from "../../base/iso.ts";
import { printable } from "../../base/printable.ts";
import STYLE from "./audit-page.css" with { type: "text" };
import {
  cellText,
  counted,
  countOf,
  type ReportView,
  rulesText,
  sameUntil,
  ticksText,
  type ViewPart,
  whyText,
} from "./report-view.ts";

/** Differing windows on the page without --all, about 1 kB each, and trade ids named in each. */
const PARTS_MAX = 2_000;
const IDS_MAX = 50;

interface PageOptions {
  all: boolean;
  /** When the audit ran, microseconds since 1970 UTC. */
  now_us: number;
}

export function auditPage(view: ReportView, { all, now_us }: PageOptions): string {
  const { summary, passed, facts, how, notes } = view;
  const dated = [...facts, { name: "run", text: isoSecondFromUs(now_us) }];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Audit: ${safe(summary)}</title>
<style>
${STYLE}</style>
</head>
<body>
<main>
<h1>Audit</h1>
<p class="verdict ${passed ? "passed" : "failed"}">${passed ? "Passed: every difference is explained" : "Not passed"}. ${safe(summary)}</p>
<dl>
${dated.map(({ name, text }) => `<dt>${safe(name)}</dt><dd>${safe(text)}</dd>`).join("\n")}
</dl>
${list("How it was found", how)}
${list("Notes", notes)}
${ruleTable(view)}
${columnTable(view)}
${partList(view, all)}
</main>
</body>
</html>
`;
}

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** A text for HTML, with hidden characters made visible. */
function safe(text: string): string {
  return printable(text, Number.POSITIVE_INFINITY).replaceAll(/[&<>"']/g, (character) => ESCAPES[character]!);
}

function list(title: string, sentences: readonly string[]): string {
  if (sentences.length === 0) return "";
  return `<h2>${title}</h2>\n<ul>\n${sentences.map((text) => `<li>${safe(text)}</li>`).join("\n")}\n</ul>`;
}

/** Cells are HTML already. */
function table(head: readonly string[], rows: readonly string[]): string {
  const heads = head.map((name) => `<th scope="col">${name}</th>`).join("");
  return `<div class="wide" tabindex="0">\n<table>\n<thead><tr>${heads}</tr></thead>\n<tbody>\n${rows.join("\n")}\n</tbody>\n</table>\n</div>`;
}

function row(head: string, cells: readonly string[]): string {
  return `<tr><th scope="row">${head}</th>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
}

/** Values, of which the columns are aligned at the right. */
function valueRow(head: string, values: readonly string[], last: string): string {
  return `<tr><th scope="row">${head}</th>${values.map((one) => `<td class="n">${one}</td>`).join("")}<td>${last}</td></tr>`;
}

function ruleTable({ unit, equal, unexplained, rules }: ReportView): string {
  return `<h2>By rule</h2>\n${table(
    ["rule", unit, "only consistent", "ticks", "what it is"],
    [
      valueRow("equal", [counted(equal), "", ""], "digit for digit"),
      ...rules.map((one) => {
        return valueRow(safe(one.rule), [one.explained, one.consistent, one.ticks].map(counted), safe(one.what));
      }),
      valueRow("unexplained", [counted(unexplained), "", ""], "no rule reproduces it"),
    ],
  )}`;
}

function columnTable({ columns }: ReportView): string {
  const rows = columns.map(({ theirs, name, type }) =>
    row(safe(theirs), [safe(name), type === "untyped" ? "text (CSV, JSON)" : safe(type)]),
  );
  return `<h2>Columns</h2>\n${table(["theirs", "compared with", "values"], rows)}`;
}

function partList({ parts, unit }: ReportView, all: boolean): string {
  const title = `<h2>Differing ${unit}</h2>`;
  if (parts.length === 0) return `${title}\n<p>None.</p>`;
  const shown = all ? parts : parts.slice(0, PARTS_MAX);
  const cut = parts.length - shown.length;
  const more = cut === 0 ? "" : `\n<p>Not on this page: ${countOf(cut, unit)}. Write it again with --all.</p>`;
  return `${title}\n${shown.map((part) => partSection(part, all ? Number.POSITIVE_INFINITY : IDS_MAX)).join("\n")}${more}`;
}

function partSection(part: ViewPart, ids_max: number): string {
  const { name, outcome, rules, where, what, cells } = part;
  const ticks = ticksText(part.ticks, ids_max);
  const about = [whyText(part), ticks && `Ticks: ${ticks}`, where === null ? "They have no row." : `Row: ${where}`];
  const rows = cells.map((cell) =>
    valueRow(
      safe(cell.column),
      [marked(cell.theirs, cell.exact), safe(cellText(cell.exact))],
      safe(rulesText(part, cell)),
    ),
  );
  return `<section class="${outcome}">
<h3>${safe(name)} <small>${outcome}${what === undefined ? "" : `, ${what}`}${rules.length === 0 ? "" : `, ${safe(rules.join(", "))}`}</small></h3>
${about
  .filter((text) => text !== "")
  .map((text) => `<p>${safe(text)}</p>`)
  .join("\n")}
${rows.length === 0 ? "" : table(["column", "theirs", "exact", "rule"], rows)}
</section>`;
}

/** Their value; the digits from the first differing one on are marked. */
function marked(theirs: string | null, exact: string | null): string {
  if (theirs === null || exact === null) return safe(cellText(theirs));
  const at = sameUntil(theirs, exact);
  return `${safe(theirs.slice(0, at))}<mark>${safe(theirs.slice(at))}</mark>`;
}
