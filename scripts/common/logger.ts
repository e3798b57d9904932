/** The program's own log (not the topic's): to stderr, for people by default, JSON lines with TIDEMARK_LOG_FORMAT=json. */
import pino from "pino";
import pretty from "pino-pretty";

export type Logger = pino.Logger;

/** A logger for one stage. `verbose` shows debug lines. Synchronous, because a worker transport does not start on Bun 1.4.5. */
export function createLogger(stage: string, options: { verbose: boolean }): Logger {
  const level = options.verbose ? "debug" : (process.env.TIDEMARK_LOG_LEVEL ?? "info");
  if (process.env.TIDEMARK_LOG_FORMAT === "json") {
    return pino({ base: { stage }, level }, pino.destination({ fd: 2, sync: true }));
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
  return pino({ base: { stage }, level }, stream);
}
