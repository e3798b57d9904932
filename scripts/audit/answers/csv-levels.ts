/** Header lines of CSV: the one of a table, and those of pandas' columns of several levels. */
import { timeOf } from "./answer-times.ts";
import type { CsvLine } from "./csv-reader.ts";

/** pandas leaves the name of its index empty. */
export const unnamed = (i: number): string => `column ${i + 1}`;

/** No column is named by a number or a time. */
export function isData(cell: string): boolean {
  return (cell.trim() !== "" && Number.isFinite(Number(cell))) || timeOf(cell) !== null;
}

/**
 * The names of a header line, with those of the lines below it: of `price` above `mean`, `price_mean`.
 * In pandas' last header line only the index has a name. `lines`: what is left to read.
 */
export function withLevels(
  header: readonly string[],
  lines: Generator<CsvLine>,
): { names: readonly string[]; lines: Iterable<CsvLine> } {
  const top = header.map((name, i) => (name === unnamed(i) ? "" : name));
  // One level has a name for each column but the index, and each name once.
  if (new Set(top.slice(1)).size === top.length - 1 && top[0] !== "") return { names: header, lines };
  const levels = [top];
  let next = lines.next();
  for (; !next.done && isLevel(next.value.cells, header.length); next = lines.next())
    levels.push(next.value.cells.map((cell) => cell.trim()));
  const index = levels.length > 1 && levels.at(-1)!.at(-1) === "" ? levels.pop()! : [];
  const names = top.map((_, i) => {
    const own = levels.map((level) => level[i]).filter((name) => name !== "");
    return index[i] || own.join("_") || unnamed(i);
  });
  return { names, lines: chained(next, lines) };
}

function isLevel(cells: readonly string[], width: number): boolean {
  return cells.length === width && cells.some((cell) => cell.trim() !== "") && !cells.some(isData);
}

function* chained(first: IteratorResult<CsvLine>, rest: Iterable<CsvLine>): Generator<CsvLine> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}
