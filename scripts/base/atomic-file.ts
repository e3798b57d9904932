/** Writing files so that a reader sees the old one or the new one, even after `kill -9`. */
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

/** The ending of files that are not finished; they are removed at the next start. */
export const TEMPORARY = ".tmp";

/** Replaces `path` by `text`. */
export function writeAtomically(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  // Created by us: what another put at this name, a link for example, is never written through.
  rmSync(path + TEMPORARY, { force: true });
  writeFileSync(path + TEMPORARY, text, { flag: "wx" });
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

/** Waits until a file's bytes, or a folder's names, are on the disk. */
export function syncPath(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Writes `text` to `path`, in place. Fails with ELOOP when a link is there; a FIFO there is not waited for. */
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
