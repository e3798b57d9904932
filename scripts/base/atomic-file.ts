/** Writes files so that a reader finds the old or the new one whole, even after `kill -9`. */
import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
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
 * is removed, not written through.
 */
export function writeAtomically(path: string, text: string, options: ReplaceOptions = {}): void {
  mkdirSync(dirname(path), { recursive: true });
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

/** Writes `text` to `path` in place. Fails with ELOOP when it is a link; does not wait at a FIFO. */
export function writeOwn(path: string, text: string): void {
  const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o666);
  try {
    ftruncateSync(file, 0);
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
}
