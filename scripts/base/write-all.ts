/** Writes all bytes of a piece to an open file; one `writeSync` may write fewer. */
import { writeSync } from "node:fs";

/** Returns the number of bytes. Throws the system's error. */
export function writeAll(fd: number, piece: string | Uint8Array): number {
  const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done);
  return bytes.length;
}
