/** Reads CSV text (RFC 4180): quotes, CRLF, a byte-order mark; separated by , ; tab or |. */
import { unreadable } from "./raw-table.ts";

export interface CsvLine {
  /** From 1; of a row with line breaks in quotes, its first. */
  line: number;
  cells: string[];
}

const QUOTE = '"';
const SEPARATORS = [",", ";", "\t", "|"];

/** The separator of most columns in the first line. */
function separatorOf(text: string): string {
  const first = text
    .slice(0, 65_536)
    .split(/\r?\n/, 1)[0]!
    .replace(/"[^"]*"/g, "");
  const counts = SEPARATORS.map((separator) => first.split(separator).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))]!;
}

/**
 * Rows of a CSV text; empty lines are left out. A last row without a line break is a row. Throws
 * DATA_DIR, naming `file` and the line, for a quote that does not close and for text after a quote.
 */
export function* csvLines(text: string, file: string, separator = separatorOf(text)): Generator<CsvLine> {
  let at = text.startsWith("\uFEFF") ? 1 : 0;
  let line = 1;
  while (at < text.length) {
    const first = line;
    const cells: string[] = [];
    for (;;) {
      if (text[at] === QUOTE) {
        const end = closingQuote(text, at);
        if (end < 0) throw unreadable(`${file}:${first} has a quote that does not close.`, TORN);
        const cell = text.slice(at + 1, end);
        cells.push(cell.replaceAll('""', QUOTE));
        line += countOf(cell, "\n");
        at = end + 1;
        if (at < text.length && text[at] !== separator && text[at] !== "\n" && !isCrLf(text, at))
          throw unreadable(`${file}:${line} has text after a closing quote.`, TORN);
      } else {
        const from = at;
        while (at < text.length && text[at] !== separator && text[at] !== "\n") at++;
        cells.push(text.slice(from, text[at - 1] === "\r" && at > from && text[at] !== separator ? at - 1 : at));
      }
      if (isCrLf(text, at)) at++;
      if (text[at] !== separator) break;
      at++;
    }
    at++;
    line++;
    if (cells.length > 1 || cells[0] !== "") yield { line: first, cells };
  }
}

const TORN = "The file may be cut; write it again, or remove that line.";

function isCrLf(text: string, at: number): boolean {
  return text[at] === "\r" && (text[at + 1] === "\n" || at + 1 === text.length);
}

/** Position of the quote that ends the cell; -1 without one. */
function closingQuote(text: string, at: number): number {
  for (let i = text.indexOf(QUOTE, at + 1); i >= 0; i = text.indexOf(QUOTE, i + 2)) if (text[i + 1] !== QUOTE) return i;
  return -1;
}

function countOf(text: string, part: string): number {
  return text.split(part).length - 1;
}
