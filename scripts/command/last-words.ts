/** How a command reports the error that ends it: to a person on stderr, or to `start` on stdout. */
import { writeSync } from "node:fs";
import { CommanderError } from "commander";
import { passes, sentence, systemCode, TidemarkError } from "../base/errors.ts";
import { withoutSecrets, withoutTypedSecrets } from "../base/secrets.ts";

/**
 * Why a child of `start` ended. Its parent decides by it whether to wait, and repeats it when it gives
 * up.
 */
export interface LastWords {
  sentence: string;
  hint: string;
  /** The error is transient, or a person fixes it elsewhere: start the child again without counting it. */
  passes: boolean;
}

/** Set by `start` for its children, and removed at once so that their own children don't inherit it. */
export const LAST_WORDS_VARIABLE = "TIDEMARK_LAST_WORDS";
const isChildOfStart = process.env[LAST_WORDS_VARIABLE] !== undefined;
delete process.env[LAST_WORDS_VARIABLE];

const PREFIX = "tidemark_last_words ";

/** Prints an error as its sentence and hint. Returns the exit status. */
export function report(error: unknown, verbose: boolean): number {
  // The reader of a pipe or FIFO has closed it: it wants no more.
  if (systemCode(error) === "EPIPE") return 0;
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    process.stderr.write(`${withoutTypedSecrets(error.message)}\nTry --help.\n`);
    return 2;
  }
  const known = error instanceof TidemarkError ? error : null;
  if (isChildOfStart) reportToParent(error);
  else reportToPerson(error, known);
  if (verbose && error instanceof Error) process.stderr.write(`${withoutSecrets(error.stack ?? "")}\n`);
  else if (!known && !isChildOfStart)
    process.stderr.write("This is not an expected error; --verbose shows where it came from.\n");
  return known?.exitCode ?? 1;
}

function reportToPerson(error: unknown, known: TidemarkError | null): void {
  // DuckDB's messages keep their lines: the last one marks a place in the line above it.
  const words = withoutSecrets(known?.code === "QUERY" ? known.message.trim() : sentence(error));
  const code = known ? `${words.includes("\n") ? "\n" : " "}[TIDEMARK_${known.code}]` : "";
  process.stderr.write(`error: ${words}${code}\n`);
  if (known?.hint) process.stderr.write(`${known.hint}\n`);
}

function reportToParent(error: unknown): void {
  try {
    writeSync(1, `${PREFIX}${JSON.stringify(lastWordsOf(error))}\n`);
  } catch {
    // The parent is gone, so nobody reads it.
  }
}

/** An error as the last words of the process that it ends, or that it keeps from starting. */
export function lastWordsOf(error: unknown): LastWords {
  const known = error instanceof TidemarkError ? error : null;
  const code = known ? ` [TIDEMARK_${known.code}]` : "";
  const isAway = known?.code === "LOG_UNREACHABLE" || passes(error);
  return { sentence: `${withoutSecrets(sentence(error))}${code}`, hint: known?.hint ?? "", passes: isAway };
}

/** Parses a line of a child's stdout; null when it is an ordinary one. */
export function lastWords(line: string): LastWords | null {
  return line.startsWith(PREFIX) ? (JSON.parse(line.slice(PREFIX.length)) as LastWords) : null;
}
