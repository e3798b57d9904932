/** How every command starts, reports and ends. Flags beat TIDEMARK_* variables, which beat defaults (design.md "Commands"). */
import { writeSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { monotonicMs } from "../base/clock.ts";
import { passes, sentence, systemCode, TidemarkError } from "../base/errors.ts";
import { createLogger, type Logger } from "../base/logger.ts";
import { PARENT_VARIABLE } from "../base/process.ts";
import { withoutSecrets, withoutTypedSecrets } from "../base/secrets.ts";
import { spaceError } from "../base/sqlite.ts";
import { closeStderr, closeStdout, quietPipes } from "../base/stdout.ts";
import { keptByNpm, readEnvironment } from "./environment.ts";

/** One flag: `flags` in commander's spelling, `env` the variable that sets it too. */
export interface Flag {
  flags: string;
  description: string;
  env?: string;
  default?: string | number | boolean;
  /** Turns the text into the value; throws InvalidArgumentError (see `invalid`) with a sentence. */
  parse?: (text: string) => unknown;
  choices?: string[];
}

export interface CommandSpec<O> {
  name: string;
  summary: string;
  /** Positional arguments in commander's spelling, e.g. `[file]`. */
  args?: [name: string, description: string][];
  flags: Flag[];
  examples: string[];
  /** Does the work; the returned value is the exit status. */
  run(options: O & { verbose: boolean }, context: CommandContext): Promise<number | undefined>;
}

export interface CommandContext {
  args: string[];
  logger: Logger;
  /** Aborted by the first SIGINT or SIGTERM: drain and end. A second signal ends the process at once with 130. */
  signal: AbortSignal;
}

/** The error that makes commander name the flag and the wrong value. */
export function invalid(message: string): InvalidArgumentError {
  return new InvalidArgumentError(message);
}

/** Builds commander's object without running it; the documentation test reads it. */
export function buildCommand<O>(spec: CommandSpec<O>): Command {
  const command = new Command(spec.name)
    .description(spec.summary)
    .allowExcessArguments(false)
    .showHelpAfterError(false);
  for (const [name, description] of spec.args ?? []) command.argument(name, description);
  for (const flag of [...spec.flags, VERBOSE]) {
    const option = new Option(flag.flags, flag.description);
    if (flag.default !== undefined) option.default(flag.default);
    if (flag.env) option.env(flag.env);
    if (flag.choices) option.choices(flag.choices);
    if (/[<[]/.test(flag.flags)) option.argParser((text: string) => flagValue(flag, text));
    command.addOption(option);
  }
  command.addHelpText("after", `\nExamples:\n${spec.examples.map((line) => `  $ ${line}`).join("\n")}`);
  return command;
}

/** A flag's value: never empty, so that `--host "$HOST"` with an unset variable is not every interface. */
function flagValue(flag: Flag, text: string): unknown {
  if (text.trim() === "") throw invalid("It is empty: give a value, or leave the flag out.");
  if (flag.choices && !flag.choices.includes(text)) throw invalid(`Allowed choices are ${flag.choices.join(", ")}.`);
  return flag.parse ? flag.parse(text) : text;
}

const VERBOSE: Flag = {
  flags: "--verbose",
  description: "more log lines, and stack traces of errors",
  env: "TIDEMARK_VERBOSE",
};

/** Runs a command when its file is the process's entry. Exit status: 0 done, 1 failed, 2 wrong usage. */
export async function runCommand<O>(spec: CommandSpec<O>, entry: boolean): Promise<void> {
  if (!entry) return;
  quietPipes();
  const command = buildCommand(spec)
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  let verbose = process.argv.includes("--verbose");
  try {
    readEnvironment(spec.flags.flatMap(({ flags, env }) => (env && !/[<[]/.test(flags) ? [env] : [])));
    refuseKeptByNpm(spec);
    command.parse();
    const options = command.opts() as O & { verbose: boolean };
    verbose = options.verbose === true;
    const logger = createLogger(spec.name, { verbose });
    const code = await spec.run(options, { args: command.args, logger, signal: drainSignal(logger) });
    await exit(code ?? 0, verbose);
  } catch (error) {
    await exit(report(spaceError(error, pathOf(error)), verbose), verbose);
  }
}

/** Ends the process when all its output has been taken. */
async function exit(code: number, verbose: boolean): Promise<never> {
  let status = code;
  try {
    await closeStdout();
  } catch (error) {
    status = report(error, verbose);
  }
  await closeStderr();
  process.exit(status);
}

/** npm takes flags without `--` before them for its own, and the command would run without them. */
function refuseKeptByNpm<O>(spec: CommandSpec<O>): void {
  const kept = keptByNpm(spec.flags.map(({ flags }) => /--([a-z-]+)/.exec(flags)![1]!));
  if (kept.length === 0) return;
  const flags = kept.map((name) => `--${name}`).join(" and ");
  throw new TidemarkError(
    "USAGE",
    `npm kept ${flags} for itself.`,
    `Write -- before it: npm run ${spec.name} -- --${kept[0]} ….`,
  );
}

/** The file that an error of the system is about. */
function pathOf(error: unknown): string {
  const path = error instanceof Error && "path" in error ? error.path : null;
  return typeof path === "string" ? path : "a file of this command";
}

/** Prints an error as its sentence and hint, and gives the exit status. */
export function report(error: unknown, verbose: boolean): number {
  // A FIFO or a pipe whose reader is gone: it wants no more.
  if (systemCode(error) === "EPIPE") return 0;
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    process.stderr.write(`${withoutTypedSecrets(error.message)}\nTry --help.\n`);
    return 2;
  }
  const known = error instanceof TidemarkError;
  if (hasAttentiveParent) {
    reportToParent(error);
    if (verbose && error instanceof Error) process.stderr.write(`${withoutSecrets(error.stack ?? "")}\n`);
    return known ? error.exitCode : 1;
  }
  // DuckDB's words keep their lines: the last one marks the place in the line above it.
  const words = withoutSecrets(known && error.code === "QUERY" ? error.message.trim() : sentence(error));
  process.stderr.write(
    `error: ${words}${known ? `${words.includes("\n") ? "\n" : " "}[TIDEMARK_${error.code}]` : ""}\n`,
  );
  if (known && error.hint) process.stderr.write(`${error.hint}\n`);
  if (verbose && error instanceof Error) process.stderr.write(`${withoutSecrets(error.stack ?? "")}\n`);
  else if (!known) process.stderr.write("This is not an expected error; --verbose shows where it came from.\n");
  return known ? error.exitCode : 1;
}

/** What a child of `start` ended for. Its parent decides by it whether to wait, and repeats it as its own last words. */
export interface LastWords {
  sentence: string;
  hint: string;
  /** The reason goes away by itself or by what a person does elsewhere: start it again, however often. */
  passes: boolean;
}

const LAST_WORDS = "tidemark_last_words ";

/** Set by `start` for its children, and taken out at once: theirs don't inherit it. */
export const LAST_WORDS_VARIABLE = "TIDEMARK_LAST_WORDS";
const hasAttentiveParent = process.env[LAST_WORDS_VARIABLE] !== undefined;
delete process.env[LAST_WORDS_VARIABLE];

function reportToParent(error: unknown): void {
  try {
    writeSync(1, `${LAST_WORDS}${JSON.stringify(lastWordsOf(error))}\n`);
  } catch {
    // The parent is gone: nobody is left to hear it.
  }
}

/** An error as the last words of the process that it ends, or that it keeps from starting. */
export function lastWordsOf(error: unknown): LastWords {
  const known = error instanceof TidemarkError ? error : null;
  const code = known ? ` [TIDEMARK_${known.code}]` : "";
  const isAway = known?.code === "LOG_UNREACHABLE" || passes(error);
  return { sentence: `${withoutSecrets(sentence(error))}${code}`, hint: known?.hint ?? "", passes: isAway };
}

/** Reads a line of a child's standard output; null when it is an ordinary one. */
export function lastWords(line: string): LastWords | null {
  return line.startsWith(LAST_WORDS) ? (JSON.parse(line.slice(LAST_WORDS.length)) as LastWords) : null;
}

/** npm and `bun run` hand Ctrl-C on to us although the terminal has sent it to us already: signals this close together are one. */
const SAME_SIGNAL_MS = 1_000;

function drainSignal(logger: Logger): AbortSignal {
  const controller = new AbortController();
  let first_ms = 0;
  const drain = (why: string) => {
    if (controller.signal.aborted) {
      if (monotonicMs() - first_ms > SAME_SIGNAL_MS) process.exit(130);
      return;
    }
    first_ms = monotonicMs();
    logger.debug(`${why}: draining`);
    controller.abort();
  };
  process.on("SIGTERM", () => drain("SIGTERM"));
  if (process.env[PARENT_VARIABLE] === undefined) {
    process.on("SIGINT", () => drain("SIGINT"));
    if (process.env.npm_lifecycle_event !== undefined) watchParent(() => drain("npm has ended"));
    return controller.signal;
  }
  process.on("SIGINT", () => {});
  process.stdin.on("end", () => controller.signal.aborted || drain("the parent has ended"));
  process.stdin.on("error", () => controller.signal.aborted || drain("the parent has ended"));
  process.stdin.resume();
  return controller.signal;
}

const PARENT_POLL_MS = 1_000;

/** npm killed by SIGKILL can hand no signal on; a command run by it must not outlive it unseen. */
function watchParent(gone: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    gone();
  }, PARENT_POLL_MS);
  timer.unref();
}
