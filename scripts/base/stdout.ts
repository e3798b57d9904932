/** Standard output: also a slow reader gets every byte before the process ends. */
import { TidemarkError } from "./errors.ts";

let failure: NodeJS.ErrnoException | null = null;

/** A closed pipe (`| head`) ends the process with 0; `closeStdout` throws any other error. */
export function quietPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(0);
      failure ??= error;
    });
  }
}

/** Resolves when the reader has taken the piece. Rejects like `closeStdout`. */
export function toStdout(piece: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    // Bun 1.4.5 never calls back for a write after one that failed.
    if (failure !== null) reject(outputError(failure));
    else process.stdout.write(piece, (error) => (error ? reject(outputError(error)) : resolve()));
  });
}

/**
 * Ends standard output and resolves when all of it has been taken; `process.exit` alone would drop
 * what a pipe does not hold (64 KiB on Linux). Rejects with DISK_FULL or OUTPUT.
 */
export async function closeStdout(): Promise<void> {
  if (failure === null) await ended(process.stdout);
  // The error of a write is emitted after the callback of `end` (Bun 1.4.5).
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (failure !== null) throw outputError(failure);
}

function outputError(error: NodeJS.ErrnoException): TidemarkError {
  const code = error.code === "ENOSPC" ? "DISK_FULL" : "OUTPUT";
  return new TidemarkError(
    code,
    `Standard output could not be written (${error.code}).`,
    "What was written is not complete.",
  );
}

/** The same for standard error, whose failures can be reported nowhere. */
export function closeStderr(): Promise<void> {
  return ended(process.stderr);
}

function ended(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.end(() => resolve()));
}
