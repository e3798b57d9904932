/** Standard output that arrives: whoever reads it, however slowly, gets every byte before the process ends. */
import { TidemarkError } from "./errors.ts";

let failure: NodeJS.ErrnoException | null = null;

/** A reader that closes its end of a pipe (`| head`) ends the process quietly with 0; any other error is thrown by `closeOutput`. */
export function quietPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(0);
      failure ??= error;
    });
  }
}

/** Writes text, or bytes, and resolves when the reader has taken them: memory holds one piece. Rejects like `closeStdout`. */
export function toStdout(piece: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    // Bun 1.4.5 never calls back for a write after one that failed.
    if (failure !== null) reject(outputError(failure));
    else process.stdout.write(piece, (error) => (error ? reject(outputError(error)) : resolve()));
  });
}

/**
 * Ends standard output and resolves when all that was written has been taken; `process.exit` alone would drop what a pipe does not
 * hold (64 KiB on Linux). Rejects with DISK_FULL or OUTPUT when it could not be written.
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
    "What it holds is not whole.",
  );
}

/** The same for standard error, whose failures nobody could be told. */
export function closeStderr(): Promise<void> {
  return ended(process.stderr);
}

function ended(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.end(() => resolve()));
}
