/** What --log names: a log, a recording, or files of trades. */
import { closeSync, existsSync, globSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../../base/errors.ts";

export type TickSource =
  | { kind: "log"; url: string }
  /** The data directory of an embedded log. */
  | { kind: "embedded"; data: string }
  | { kind: "recording"; path: string }
  | { kind: "csv" | "parquet"; name: string; files: string[] };

const FORMS =
  "Name a topic (kafka://host:port/topic), a data directory or its log.db, a recording (.jsonl, .jsonl.gz), a CSV, or a Parquet file or folder.";

/** Reads names and first bytes only. Fails with USAGE when nothing that can hold ticks is there. */
export function tickSource(log: string): TickSource {
  const url = log.replace(/^file:\/\//, "");
  if (/^embedded:?$|^[A-Za-z][A-Za-z0-9+._-]*:\/\//.test(url)) return { kind: "log", url };
  const stat = statSync(url, { throwIfNoEntry: false });
  if (stat === undefined) throw new TidemarkError("USAGE", `--log ${log}: there is no file or folder there.`, FORMS);
  return stat.isDirectory() ? folderSource(url) : fileSource(url);
}

function folderSource(folder: string): TickSource {
  if (existsSync(join(folder, "log.db"))) return { kind: "embedded", data: folder };
  const replayed = join(folder, "replay");
  if (existsSync(join(replayed, "log.db")))
    throw new TidemarkError(
      "USAGE",
      `--log ${folder}: the folder holds no log.db, but ${replayed} does.`,
      `For the data of a replay, name ${replayed} on both sides: --log ${replayed} --answers ${join(replayed, "stream_csv")}.`,
    );
  // Tidemark's archive: the ticks are one of its folders (docs/archive.md).
  const ticks = existsSync(join(folder, "manifest.json")) ? join(folder, "ticks") : folder;
  for (const [kind, pattern] of [
    ["parquet", "**/*.parquet"],
    ["csv", "**/*.{csv,csv.gz}"],
  ] as const) {
    const files = globSync(pattern, { cwd: ticks })
      .filter((file) => !/(^|\/)[._]/.test(file))
      .sort()
      .map((file) => join(ticks, file));
    if (files.length > 0) return { kind, name: folder, files };
  }
  const message = `--log ${folder}: the folder holds no log.db, and no Parquet or CSV files.`;
  throw new TidemarkError("USAGE", message, FORMS);
}

function fileSource(path: string): TickSource {
  if (path.endsWith("log.db")) return { kind: "embedded", data: join(path, "..") };
  if (/\.(jsonl|ndjson|json)(\.gz)?$/.test(path)) return { kind: "recording", path };
  if (/\.(csv|tsv|txt)(\.gz)?$/.test(path)) return { kind: "csv", name: path, files: [path] };
  const head = headOf(path);
  if (path.endsWith(".parquet") || head.startsWith("PAR1")) return { kind: "parquet", name: path, files: [path] };
  if (head.startsWith("SQLite format 3"))
    throw new TidemarkError("USAGE", `--log ${path} is a SQLite file, but not a log.db.`, FORMS);
  return head.startsWith("{") ? { kind: "recording", path } : { kind: "csv", name: path, files: [path] };
}

function headOf(path: string): string {
  const head = new Uint8Array(16);
  const file = openSync(path, "r");
  const read = readSync(file, head, 0, head.length, 0);
  closeSync(file);
  return Buffer.from(head.subarray(0, read)).toString("latin1").trimStart();
}
