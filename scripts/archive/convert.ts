/** Converts an archive of the first layout, after comparing its ticks with those left in ticks.db. */
import type { DuckDBConnection } from "@duckdb/node-api";
import { TidemarkError } from "../base/errors.ts";
import { ARCHIVE_SLICE_ROWS } from "../base/limits.ts";
import { castSelect, TICK_COLUMNS } from "./columns.ts";
import type { Manifest, PartFile, TickFile } from "./manifest-schema.ts";
import { stagedFolder } from "./own-files.ts";
import { minutesOf, parquet } from "./rollup.ts";
import type { Source } from "./store-source.ts";
import { repair } from "./verify.ts";
import type { ArchiveWriter } from "./writer.ts";

/** What a conversion works on. */
interface Conversion {
  connection: DuckDBConnection;
  source: Source;
  writer: ArchiveWriter;
  archive: string;
  manifest: Manifest;
  /** ticks.db has no rows up to this insert_id any more. */
  pruned_to: number;
}

/** Stages the same ticks and their minutes for the next commit. STORE_CORRUPT where ticks.db differs. */
export async function convert(of: Conversion): Promise<Pick<Manifest, "files" | "minutes">> {
  const { archive, manifest, writer, pruned_to } = of;
  const into = (folder: string) => stagedFolder(archive, manifest.sequence + 1, folder);
  const columns = await columnsOf(of);
  const files: TickFile[] = [];
  const minutes: PartFile[] = [];
  const spans = [
    { from: 0, to: Math.min(pruned_to, manifest.collected_to), verified: false },
    { from: pruned_to, to: manifest.collected_to, verified: true },
  ];
  for (const { from: begin, to, verified } of spans) {
    for (let from = begin; from < to; ) {
      const { rows, last } = await readSlice(of, columns, from, to);
      if (verified) await compare(of, columns, from, last);
      if (rows > 0) {
        const facts = await writer.facts("slice");
        files.push(await writer.ticks("slice", facts, into("ticks"), verified));
        minutes.push(
          await writer.part(`${minutesOf("slice")} ORDER BY product_id, minute_us`, into("minutes"), "minutes"),
        );
      }
      from = last;
    }
  }
  const [found, noted] = [files, manifest.files].map((all) => all.reduce((sum, { rows }) => sum + rows, 0));
  if (found !== noted) throw differs(of, `${found} ticks instead of the ${noted} of its manifest`);
  return { files, minutes };
}

/** Which of today's columns the old files have. */
async function columnsOf({ connection, archive, manifest }: Conversion): Promise<Set<string>> {
  const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${parquet(archive, manifest.files)}`);
  return new Set(described.getRows().map(([name]) => String(name)));
}

async function readSlice(of: Conversion, columns: Set<string>, from: number, to: number) {
  const cells = Object.entries(TICK_COLUMNS).map(
    ([name, type]) => `CAST(${columns.has(name) ? name : "NULL"} AS ${type}) AS ${name}`,
  );
  await of.connection.run(
    `CREATE OR REPLACE TEMP TABLE slice AS SELECT ${cells.join(", ")}, make_timestamp(time_us) AS time
     FROM ${parquet(of.archive, of.manifest.files)} WHERE insert_id > ${from} AND insert_id <= ${to} ORDER BY insert_id LIMIT ${ARCHIVE_SLICE_ROWS}`,
  );
  const [found] = (await of.connection.runAndReadAll("SELECT count(*), max(insert_id) FROM slice")).getRows();
  const rows = Number(found![0]);
  return { rows, last: rows < ARCHIVE_SLICE_ROWS ? to : Number(found![1]) };
}

/**
 * Throws unless the slice and ticks.db have the same rows; a column that old files lack is from
 * ticks.db.
 */
async function compare(of: Conversion, columns: Set<string>, from: number, to: number): Promise<void> {
  const names = Object.keys(TICK_COLUMNS);
  const select = `SELECT ${names.join(", ")} FROM ticks WHERE insert_id > ${from} AND insert_id <= ${to} ORDER BY insert_id`;
  const rows = await of.source.from("ticks", select, names);
  await of.connection.run(
    `CREATE OR REPLACE TEMP TABLE stored AS SELECT *, make_timestamp(time_us) AS time FROM (SELECT ${castSelect(TICK_COLUMNS)} FROM ${rows})`,
  );
  const common = names.filter((name) => columns.has(name)).join(", ");
  const only = (one: string, other: string) =>
    `(SELECT ${common} FROM ${one} EXCEPT ALL SELECT ${common} FROM ${other})`;
  const differing = await of.connection.runAndReadAll(
    `SELECT count(*), min(insert_id) FROM (${only("slice", "stored")} UNION ALL ${only("stored", "slice")})`,
  );
  const [count, first] = differing.getRows()[0]!.map(Number);
  if (count! > 0)
    throw differs(of, `other rows than ticks.db has, the first with insert_id ${first}`, await fileOf(of, first!));
  await of.connection.run("DROP TABLE slice");
  await of.connection.run("ALTER TABLE stored RENAME TO slice");
}

async function fileOf({ connection, archive, manifest }: Conversion, insert_id: number): Promise<string> {
  const files = parquet(archive, manifest.files).replace(/\)$/, ", filename = true)");
  const found = await connection.runAndReadAll(`SELECT filename FROM ${files} WHERE insert_id = ${insert_id} LIMIT 1`);
  return String(found.getRows()[0]?.[0] ?? `${archive}/ticks`);
}

function differs({ archive, pruned_to }: Conversion, what: string, file = `${archive}/ticks`): TidemarkError {
  return new TidemarkError("STORE_CORRUPT", `${file} has ${what}.`, repair("ticks", pruned_to > 0));
}
