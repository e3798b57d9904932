/** Files of JSON lines in a folder as one table, as Spark's json sink writes them. */
import { relative } from "node:path";
import { sentence, TidemarkError } from "../../base/errors.ts";
import { textOf } from "./csv-table.ts";
import type { TopicRecord } from "./other-kinds.ts";
import { type OutputFiles, partitionCells } from "./output-folder.ts";
import type { RawTable } from "./raw-table.ts";
import { lineRecords, topicTable } from "./topic-table.ts";

export const JSON_FILE = /\.(json|jsonl|ndjson)(\.gz)?$/i;

/** The JSON files of a folder, their lines in order of writing. Rejects as `lineRecords`. */
export async function jsonFolder(folder: string, { committed, uncommitted }: OutputFiles): Promise<RawTable> {
  const table = await topicTable(folder, recordsOf(folder, committed));
  if (table.columns.length === 0)
    throw new TidemarkError(
      "NO_DATA",
      `The JSON files in ${folder} are empty.`,
      "Check that the job has written its answer.",
    );
  if (uncommitted.length === 0) return table;
  // A file that was never committed may be cut anywhere.
  const onCut = (name: string, error: TidemarkError) =>
    table.notes.push(`the rest of ${name}, which no batch committed: ${sentence(error)}`);
  const { columns, rows } = await topicTable(folder, recordsOf(folder, uncommitted, onCut));
  const order = table.columns.map(({ name }) => columns.findIndex((one) => one.name === name));
  table.uncommitted = rows.map(({ cells, where }) => ({ cells: order.map((i) => cells[i] ?? null), where }));
  return table;
}

async function* recordsOf(
  folder: string,
  paths: readonly string[],
  onCut?: (name: string, error: TidemarkError) => void,
): AsyncGenerator<TopicRecord> {
  let offset = 0;
  for (const path of paths) {
    const name = relative(folder, path);
    const extra = partitionCells(folder, path).map(({ name, value }): [string, string | null] => [name, value]);
    let row = 0;
    try {
      for await (const record of lineRecords(path, textOf(path)))
        yield { ...record, offset: offset++, where: `${name} row ${++row}`, extra };
    } catch (error) {
      if (onCut === undefined || !(error instanceof TidemarkError)) throw error;
      onCut(name, error);
    }
  }
}
