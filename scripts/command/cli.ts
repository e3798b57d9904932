/** How every command starts and ends: flags beat TIDEMARK_* variables, which beat defaults. */
import { Command, InvalidArgumentError, Option } from "commander";
import { TidemarkError } from "../base/errors.ts";
import { createLogger, type Logger } from "../base/logger.ts";
import { spaceError } from "../base/sqlite.ts";
import { closeStderr, closeStdout, quietPipes } from "../base/stdout.ts";
import { drainSignal } from "./drain-signal.ts";
import { keptByNpm, readEnvironment, typed } from "./environment.ts";
import { report } from "./last-words.ts";

/** One flag: `flags` in commander's spelling, `env` the variable that sets it too. */
export interface Flag {
  flags: string;
  description: string;
  env?: string;
  /** As a person would write it: it is parsed like a given value. */
  default?: string;
  /**
   * Turns the text into the value; throws `invalid(sentence)` for a wrong one. Without it the value is
   * the text.
   */
  parse?: (text: string) => unknown;
  choices?: readonly string[];
  /** It may be given several times; `parse` returns an array, and the values are all of theirs. */
  isList?: boolean;
}

export interface CommandSpec<O> {
  name: string;
  summary: string;
  /** Positional arguments in commander's spelling, e.g. `[file]`. */
  args?: [name: string, description: string][];
  flags: Flag[];
  examples: string[];
  /** Does the work. Resolves with the exit status. */
  run(options: O & { verbose: boolean }, context: CommandContext): Promise<number>;
}

export interface CommandContext {
  args: string[];
  logger: Logger;
  /** Aborted by the first SIGINT or SIGTERM: drain and end. */
  signal: AbortSignal;
  /** What set an option: `cli`, `env` or `default`. */
  sourceOf(option: string): string | undefined;
}

/** The error that makes commander name the flag and the wrong value. */
export function invalid(message: string): InvalidArgumentError {
  return new InvalidArgumentError(message);
}

/** Runs a command when its file is the process's entry. Exit status: 0 done, 1 failed, 2 wrong usage. */
export async function runCommand<O>(spec: CommandSpec<O>, entry: boolean): Promise<void> {
  if (!entry) return;
  quietPipes();
  let verbose = process.argv.includes("--verbose");
  try {
    readEnvironment(spec.flags.flatMap(({ flags, env }) => (env && !takesValue(flags) ? [env] : [])));
    refuseKeptByNpm(spec);
    const command = buildCommand(spec)
      .exitOverride()
      .configureOutput({ outputError: () => {} })
      .parse();
    const options = command.opts() as O & { verbose: boolean };
    verbose = options.verbose === true;
    const logger = createLogger(spec.name, { verbose });
    const sourceOf = (option: string) => command.getOptionValueSource(option);
    const code = await spec.run(options, { args: command.args, logger, signal: drainSignal(logger), sourceOf });
    await exit(code, verbose);
  } catch (error) {
    await exit(report(spaceError(error, pathOf(error)), verbose), verbose);
  }
}

function buildCommand<O>(spec: CommandSpec<O>): Command {
  const command = new Command(spec.name)
    .description(spec.summary)
    .allowExcessArguments(false)
    .showHelpAfterError(false);
  for (const [name, description] of spec.args ?? []) command.argument(name, description);
  for (const flag of [...spec.flags, VERBOSE]) {
    const option = new Option(flag.flags, flag.description);
    // commander parses a flag's value and not its default, so that an option would have two types.
    if (flag.default !== undefined) option.default(flagValue(flag, flag.default), flag.default);
    if (flag.env) option.env(flag.env);
    if (flag.choices) option.choices(flag.choices);
    if (takesValue(flag.flags)) option.argParser((text: string, before: unknown) => withEarlier(flag, text, before));
    command.addOption(option);
  }
  command.addHelpText("after", `\nExamples:\n${spec.examples.map((line) => `  $ ${line}`).join("\n")}`);
  return command;
}

const VERBOSE: Flag = {
  flags: "--verbose",
  description: "show debug log lines, and stack traces of errors",
  env: "TIDEMARK_VERBOSE",
};

function takesValue(flags: string): boolean {
  return /[<[]/.test(flags);
}

/** A flag's value: never empty, so that `--host "$HOST"` with an unset variable is not every interface. */
function flagValue(flag: Flag, text: string): unknown {
  if (text.trim() === "") throw invalid("It is empty: give a value, or leave the flag out.");
  if (flag.choices && !flag.choices.includes(text)) throw invalid(`Allowed choices are ${flag.choices.join(", ")}.`);
  return flag.parse ? flag.parse(text) : text;
}

/** A flag's value; of a list, after those that were given before it. */
function withEarlier(flag: Flag, text: string, before: unknown): unknown {
  const value = flagValue(flag, text);
  return flag.isList && Array.isArray(before) ? [...before, ...(value as unknown[])] : value;
}

/** npm keeps flags that come before `--` for itself, and the command would run without them. */
function refuseKeptByNpm<O>(spec: CommandSpec<O>): void {
  const kept = keptByNpm(spec.flags.map(({ flags }) => /--([a-z-]+)/.exec(flags)![1]!));
  if (kept.length === 0) return;
  // Of `--port 9000` npm passes the value on as an argument; of several, it is not known whose each is.
  const parted = kept.filter((flag) => spec.flags.some(({ flags }) => flags.startsWith(`${flag} <`)));
  const whole = kept.filter((flag) => !parted.includes(flag)).flatMap((flag) => flag.split(" "));
  const rest = parted.length > 1 ? parted.flatMap((flag) => [flag, "…"]) : [...parted, ...process.argv.slice(2)];
  const names = kept.map((flag) => flag.split(" ")[0]).join(" and ");
  const line = typed(spec.name, [...whole, ...rest]);
  throw new TidemarkError("USAGE", `npm kept ${names} for itself.`, `Write -- before it: ${line}`);
}

/** The file that an error of the system is about. */
function pathOf(error: unknown): string {
  const path = error instanceof Error && "path" in error ? error.path : null;
  return typeof path === "string" ? path : "a file of this command";
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
