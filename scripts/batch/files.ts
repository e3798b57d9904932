/** Writing files so that a reader sees the old one or the new one, whatever kills us: temporary file, fsync, rename, fsync of the folder. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { diePoint } from "../common/die-point.ts";

/** The ending of files that are not finished; they are removed at the next start. */
export const TEMPORARY = ".tmp";

/** Replaces `path` by `text`. */
export function writeAtomically(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path + TEMPORARY, text);
  publish(path);
}

/** Makes `path.tmp`, written by someone, the durable `path`. */
export function publish(path: string, temporary = path + TEMPORARY): void {
  diePoint("file-written");
  syncPath(temporary);
  renameSync(temporary, path);
  diePoint("file-renamed");
  syncPath(dirname(path));
}

function syncPath(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** A path as a SQL string literal. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
