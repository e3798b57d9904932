/** Flags that several commands share, and the parsers of flags' values. */
import { isIP } from "node:net";
import { DATA_DEFAULT } from "../base/data-dir.ts";
import { parseDuration } from "../base/duration.ts";
import { POLL_RECORDS_MAX } from "../base/limits.ts";
import { type Flag, invalid } from "./cli.ts";

export const DATA_FLAG: Flag = {
  flags: "--data <dir>",
  description: "the data directory",
  env: "TIDEMARK_DATA",
  default: DATA_DEFAULT,
};
export const LOG_FLAG: Flag = {
  flags: "--log <url>",
  description:
    "the log: embedded:, kafka://host:port[,host:port]/topic or kafka+ssl://user@host:port/topic?mechanism=…",
  env: "TIDEMARK_LOG",
  default: "embedded:",
};
export const JSON_FLAG: Flag = { flags: "--json", description: "end with one JSON object on stdout" };

export const POLL_FLAG: Flag = {
  flags: "--poll-records <n>",
  description: "records of one commit at most",
  env: "TIDEMARK_POLL_RECORDS",
  parse: wholeNumber(1, POLL_RECORDS_MAX),
  default: POLL_RECORDS_MAX,
};

/** A whole number between two bounds, for a flag. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) throw invalid(`Give a whole number from ${min} to ${max}.`);
    return value;
  };
}

/** A name or an address to listen on, for a flag; an IPv6 address may have brackets, and has none in the value. */
export function hostFlag(text: string): string {
  const host = text.trim().replace(/^\[(.*)\]$/, "$1");
  if (!/^[\w.-]+$/.test(host) && (isIP(host) !== 6 || host.includes("%")))
    throw invalid("Give a name or an address without a port, for example localhost, 127.0.0.1 or ::1.");
  return host;
}

/** A duration such as 500ms, 10s, 1m, 2h, 7d, for a flag; in microseconds. */
export function durationFlag(text: string): number {
  const us = parseDuration(text);
  if (us === null) throw invalid("Give a duration such as 500ms, 10s, 1m, 2h or 7d.");
  return us;
}
