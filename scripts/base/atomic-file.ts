/** Writes files so that a reader finds the old or the new one whole, even after `kill -9`. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { diePoint } from "./die-point.ts";

/** The ending of unfinished files, which are removed at the next start. */
export const TEMPORARY = ".tmp";

interface ReplaceOptions {
  /** False: not synced to the disk, for what is written every second and worth nothing after a power cut. */
  isDurable?: boolean;
}

/**
 * Replaces `path` with `text`, by way of `path.tmp`. A link or a file of another program at that name
 * is removed, not written through. Throws ENOENT without the folder: a data directory that was removed
 * must not come back with a status file alone.
 */
export function writeAtomically(path: string, text: string, options: ReplaceOptions = {}): void {
  rmSync(path + TEMPORARY, { force: true });
  writeFileSync(path + TEMPORARY, text, { flag: "wx" });
  publish(path, path + TEMPORARY, options);
}

/** Renames a finished file to `path`, on the same file system; durable means synced before and after. */
export function publish(path: string, temporary: string, { isDurable = true }: ReplaceOptions = {}): void {
  if (!isDurable) {
    renameSync(temporary, path);
    return;
  }
  diePoint("file-written");
  syncPath(temporary);
  renameSync(temporary, path);
  diePoint("file-renamed");
  syncPath(dirname(path));
}

/** Waits until a file's bytes, or a folder's names, are on the disk. */
export function syncPath(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
