/** Which files of an output folder count: those that Spark's `_spark_metadata` names as committed. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { sentence } from "../../base/errors.ts";
import { unreadable } from "./raw-table.ts";

/** The files of one kind in a folder. */
export interface OutputFiles {
  /** In order of writing: by batch, or without `_spark_metadata` by time of change and name. */
  committed: string[];
  /** W11: files that no batch names; none without `_spark_metadata`. */
  uncommitted: string[];
  /** Spark's file sink wrote it: in append mode, so each window once. */
  isAppended: boolean;
}

const METADATA = "_spark_metadata";
/** Tables of other formats list their current files in these: all files would have old rows too. */
const OTHER_FORMATS = [
  ["_delta_log", "Delta"],
  [".hoodie", "Hudi"],
  ["metadata/version-hint.text", "Iceberg"],
] as const;
/** Folders inside folders: Spark's partitionBy makes one per column. */
const DEPTH_MAX = 4;

/**
 * Files of a folder whose names fit `kind`; names that begin with `_` or `.` are Spark's own. Throws
 * DATA_DIR when a committed file or a batch's list is missing.
 */
export function outputFiles(folder: string, kind: RegExp): OutputFiles {
  const other = OTHER_FORMATS.find(([name]) => existsSync(join(folder, name)));
  if (other !== undefined)
    throw unreadable(
      `${folder} is a ${other[1]} table, which is not read here.`,
      "Write its current rows to a CSV or Parquet file.",
    );
  const found = filesIn(folder, DEPTH_MAX).filter((path) => kind.test(path));
  const metadata = join(folder, METADATA);
  if (!existsSync(metadata)) return { committed: byChange(found), uncommitted: [], isAppended: false };
  const byPath = new Map(found.map((path) => [relative(folder, path), path]));
  const committed = [...committedPaths(metadata)].map((path) => {
    // Its prefix is where Spark wrote it; the folder may have been copied since.
    const parts = path.split("/");
    for (let i = Math.max(0, parts.length - DEPTH_MAX - 1); i < parts.length; i++) {
      const own = byPath.get(parts.slice(i).join("/"));
      if (own !== undefined) return own;
    }
    if (!kind.test(path)) return null;
    throw unreadable(
      `${metadata} names ${parts.at(-1)}, which is not in ${folder}.`,
      "Copy the whole folder, or audit a copy without _spark_metadata.",
    );
  });
  const known = new Set(committed);
  return {
    committed: committed.filter((path) => path !== null),
    uncommitted: byChange(found.filter((path) => !known.has(path))),
    isAppended: true,
  };
}

function filesIn(folder: string, depth: number): string[] {
  const entries = readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !/^[._]/.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    const kind = entry.isSymbolicLink() ? statSync(path, { throwIfNoEntry: false }) : entry;
    if (kind?.isDirectory()) return depth > 0 ? filesIn(path, depth - 1) : [];
    return kind?.isFile() ? [path] : [];
  });
}

function byChange(paths: string[]): string[] {
  return paths
    .map((path) => ({ path, changed: statSync(path).mtimeMs }))
    .sort((a, b) => a.changed - b.changed || (a.path < b.path ? -1 : 1))
    .map(({ path }) => path);
}

/** Paths that Spark committed, in order of batches. `9.compact` has all up to batch 9. */
function committedPaths(metadata: string): Set<string> {
  const names = readdirSync(metadata).filter((name) => /^\d+(\.compact)?$/.test(name));
  const compacts = names.filter((name) => name.endsWith(".compact")).map((name) => Number.parseInt(name, 10));
  const compact = compacts.length > 0 ? Math.max(...compacts) : null;
  const batches = names
    .filter((name) => !name.endsWith(".compact"))
    .map(Number)
    .filter((batch) => batch > (compact ?? -1))
    .sort((a, b) => a - b);
  const all = compact === null ? batches : [compact, ...batches];
  const gap = all.findIndex((batch, i) => i > 0 && batch !== all[i - 1]! + 1);
  if (gap > 0)
    throw unreadable(
      `${metadata} has no batch ${all[gap - 1]! + 1}.`,
      "Copy the whole folder: it has one file per batch.",
    );
  const paths = new Set<string>();
  for (const name of [...(compact === null ? [] : [`${compact}.compact`]), ...batches.map(String)])
    for (const { path, action } of entriesOf(join(metadata, name))) {
      if (action === "delete") paths.delete(path);
      else paths.add(path);
    }
  return paths;
}

/** A line `v1`, then a JSON object per file. */
function entriesOf(file: string): { path: string; action: string }[] {
  const [version, ...lines] = readFileSync(file, "utf8").split("\n");
  if (version?.trim() !== "v1")
    throw unreadable(`${file} begins with ${JSON.stringify(version?.slice(0, 40))}, not with "v1".`, NOT_SPARKS);
  return lines
    .filter((line) => line.trim() !== "")
    .map((line) => {
      try {
        const { path, action } = JSON.parse(line) as { path: string; action?: string };
        return { path: decoded(path), action: action ?? "add" };
      } catch (error) {
        throw unreadable(`${file} has a line that is not Spark's: ${sentence(error)}.`, NOT_SPARKS);
      }
    });
}

const NOT_SPARKS = "Copy the folder again, or audit a copy without _spark_metadata.";

/** A URI's path as text. */
function decoded(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}

/** Columns of a path's `name=value` folders, as partitionBy writes them. */
export function partitionCells(folder: string, path: string): { name: string; value: string | null }[] {
  return relative(folder, path)
    .split("/")
    .slice(0, -1)
    .filter((part) => part.includes("="))
    .map((part) => {
      const at = part.indexOf("=");
      const value = decoded(part.slice(at + 1));
      return { name: decoded(part.slice(0, at)), value: value === "__HIVE_DEFAULT_PARTITION__" ? null : value };
    });
}
