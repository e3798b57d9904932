/** The program's own log (not the topic's): to stderr, for people by default, JSON lines with TIDEMARK_LOG_FORMAT=json. */
import pino from "pino";
import pretty from "pino-pretty";
import { TidemarkError } from "./errors.ts";
import { withoutSecrets } from "./secrets.ts";

export type Logger = pino.Logger;

/** Whatever a line quotes (a feed's URL, a library's message), it shows no password. */
const hooks = { streamWrite: withoutSecrets };

const LEVELS = ["debug", "info", "warn", "error", "silent"];
const FORMATS = ["text", "json"];

/** A logger for one stage. Fails with USAGE when a variable names no level or format. `verbose` shows debug lines. Synchronous, because a worker transport does not start on Bun 1.4.5. */
export function createLogger(stage: string, options: { verbose: boolean }): Logger {
  const wanted = choice("TIDEMARK_LOG_LEVEL", LEVELS) ?? "info";
  const level = options.verbose ? "debug" : wanted;
  if (choice("TIDEMARK_LOG_FORMAT", FORMATS) === "json") {
    return pino({ base: { stage }, level, hooks }, pino.destination({ fd: 2, sync: true }));
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
  return pino({ base: { stage }, level, hooks }, stream);
}

function choice(variable: string, choices: string[]): string | undefined {
  const value = process.env[variable] || undefined;
  if (value === undefined || choices.includes(value)) return value;
  throw new TidemarkError("USAGE", `${variable}=${value} is not valid.`, `Use one of: ${choices.join(", ")}.`);
}
