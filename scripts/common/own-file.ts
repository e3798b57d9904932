/** Writing small files of a fixed name, never through a link that somebody put in their place. */
import { closeSync, constants, ftruncateSync, openSync, writeSync } from "node:fs";

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
