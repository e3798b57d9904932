/** The program's own log on stderr: text for people, JSON lines with TIDEMARK_LOG_FORMAT=json. */
import pino from "pino";
import pretty from "pino-pretty";
import { TidemarkError } from "./errors.ts";
import { printableLines } from "./printable.ts";
import { withoutSecrets } from "./secrets.ts";

export type Logger = pino.Logger;

const LEVELS = ["debug", "info", "warn", "error", "silent"];
const FORMATS = ["text", "json"];

/**
 * A logger for one stage; `verbose` shows debug lines. Fails with USAGE when a variable has no valid
 * level or format. Synchronous, because a worker transport does not start on Bun 1.4.5.
 */
export function createLogger(stage: string, options: { verbose: boolean }): Logger {
  const wanted = choice("TIDEMARK_LOG_LEVEL", LEVELS) ?? "info";
  const level = options.verbose ? "debug" : wanted;
  if (choice("TIDEMARK_LOG_FORMAT", FORMATS) === "json") {
    return pino({ base: { stage }, level, hooks: HOOKS }, pino.destination({ fd: 2, sync: true }));
  }
  const colorize = process.stderr.isTTY === true && !process.env.NO_COLOR;
  const stream = pretty({
    colorize,
    destination: 2,
    sync: true,
    ignore: "pid,hostname,stage",
    messageFormat: `${stage}: {msg}`,
    translateTime: "SYS:HH:MM:ss",
  });
  return pino({ base: { stage }, level, hooks: HOOKS }, stream);
}

/**
 * No line shows a password, also when it quotes a URL or a library's message. Text of the feed has no
 * control characters, and its further lines are indented so that none looks like a log line.
 */
const HOOKS: pino.LoggerOptions["hooks"] = {
  logMethod(args, method) {
    const shown = (args as unknown[]).map((arg) => {
      if (typeof arg === "string") return indented(arg);
      if (!(arg instanceof Error)) return arg;
      const { name, message, stack } = arg;
      return { err: { type: name, message: indented(message), stack: indented(stack ?? "") } };
    });
    method.apply(this, shown as Parameters<typeof method>);
  },
  streamWrite: withoutSecrets,
};

function indented(text: string): string {
  return printableLines(text).replaceAll("\n", "\n    ");
}

function choice(variable: string, choices: string[]): string | undefined {
  const value = process.env[variable] || undefined;
  if (value === undefined || choices.includes(value)) return value;
  throw new TidemarkError("USAGE", `${variable}=${value} is not valid.`, `Use one of: ${choices.join(", ")}.`);
}
