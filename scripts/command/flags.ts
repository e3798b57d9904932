/** Flags that several commands share, and the parsers of flags' values. */
import { isIP } from "node:net";
import { DATA_DEFAULT } from "../base/data-dir.ts";
import { parseDuration } from "../base/duration.ts";
import { usFromIso } from "../base/iso.ts";
import { PARTITIONS_MAX, POLL_RECORDS_MAX } from "../base/limits.ts";
import { METRICS_DIR } from "../base/project.ts";
import { type Prices, parsePrices } from "../contract/prices.ts";
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

export const PARTITIONS_FLAG: Flag = {
  flags: "--partitions <n>",
  description: "partitions, when the log is created",
  env: "TIDEMARK_PARTITIONS",
  parse: wholeNumber(1, PARTITIONS_MAX),
};

export const JSON_FLAG: Flag = { flags: "--json", description: "print one JSON object on stdout at the end" };

export const WAIT_FLAG: Flag = {
  flags: "--wait",
  description: "while another batch or prune works on the data, wait for its end instead of refusing",
};

export const SQL_FLAG: Flag = {
  flags: "--sql <dir>",
  description: "the folder of metric files",
  env: "TIDEMARK_SQL",
  default: METRICS_DIR,
};

export const REST_FLAG: Flag = {
  flags: "--rest <duration>",
  description: "while neither ticks nor metric files are new, a batch runs only this often; 0s: as often as --every",
  env: "TIDEMARK_BATCH_REST",
  default: "1h",
  parse: durationFlag,
};

export const RETAIN_FLAG: Flag = {
  flags: "--retain <duration>",
  description: "after each batch, remove archived ticks older than this from ticks.db",
  parse: asText(durationFlag),
};

export const POLL_FLAG: Flag = {
  flags: "--poll-records <n>",
  description: "records per commit, at most",
  env: "TIDEMARK_POLL_RECORDS",
  parse: wholeNumber(1, POLL_RECORDS_MAX),
  default: String(POLL_RECORDS_MAX),
};

export const PORT_FLAG: Flag = {
  flags: "--port <port>",
  description: "the page's port; 0 takes any free one",
  env: "TIDEMARK_PORT",
  parse: wholeNumber(0, 65_535),
  default: "8321",
};

export const HOST_FLAG: Flag = {
  flags: "--host <address>",
  description: "the address that the page listens on; 0.0.0.0 is every one of this machine",
  env: "TIDEMARK_HOST",
  parse: hostFlag,
  default: "127.0.0.1",
};

export const ALLOW_HOST_FLAG: Flag = {
  flags: "--allow-host <names>",
  description: "also answer for this host name, of a proxy or a compose service (repeatable, or separated by commas)",
  env: "TIDEMARK_ALLOW_HOST",
  parse: (text) => text.split(",").map(hostFlag),
  isList: true,
};

export const BASE_PATH_FLAG: Flag = {
  flags: "--base-path <path>",
  description: "the path under which a proxy shows the page, for example /tidemark",
  env: "TIDEMARK_BASE_PATH",
  parse: basePathFlag,
};

export const PRICE_FLAG: Flag = {
  flags: "--price <prices>",
  description: "show what the pipelines cost: core-hour=0.04,gib-hour=0.005,gb-month=0.02, in any currency",
  env: "TIDEMARK_PRICE",
  parse: pricesFlag,
};

function pricesFlag(text: string): Prices {
  const prices = parsePrices(text);
  if (typeof prices === "string") throw invalid(prices);
  return prices;
}

/** A whole number between two bounds, for a flag. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) throw invalid(`Give a whole number from ${min} to ${max}.`);
    return value;
  };
}

/**
 * A name or an address to listen on, for a flag. An IPv6 address may have brackets; the value has
 * none.
 */
export function hostFlag(text: string): string {
  const host = text.trim().replace(/^\[(.*)\]$/, "$1");
  if (!/^[\w.-]+$/.test(host) && (isIP(host) !== 6 || host.includes("%")))
    throw invalid("Give a name or an address without a port, for example localhost, 127.0.0.1 or ::1.");
  return host;
}

/** A path of plain segments, as addresses begin with it: `/a/b`; "" for `/`. */
export function basePathFlag(text: string): string {
  const path = `/${text.trim()}`.replaceAll(/\/+/g, "/").replace(/\/$/, "");
  if (!/^(\/[\w~-][\w.~-]*)*$/.test(path))
    throw invalid("Give a path of letters, digits and - _ . ~, for example /tidemark.");
  return path;
}

/** A duration such as 500ms, 10s, 1m, 2h, 7d, for a flag; in microseconds. */
export function durationFlag(text: string): number {
  const us = parseDuration(text);
  if (us === null) throw invalid("Give a duration such as 500ms, 10s, 1m, 2h or 7d.");
  return us;
}

/** The same with a sign, as `+2s` or `-300ms`; in microseconds. */
export function signedDurationFlag(text: string): number {
  const us = durationFlag(text.trim().replace(/^[+-]/, ""));
  return text.trim().startsWith("-") ? -us : us;
}

/** A day or a time in UTC, as the page's addresses take them, for a flag; the value is ISO 8601. */
export function timeFlag(text: string): string {
  const [, day, minute, second = ":00"] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?Z?)?$/.exec(text) ?? [];
  const iso = minute === undefined ? day : `${day}T${minute}${second}Z`;
  if (iso === undefined || usFromIso(iso) === null)
    throw invalid("Give a UTC time such as 2023-09-05, 2023-09-05T16:30 or 2023-09-05T16:30:00Z.");
  return iso;
}

/** For a flag that is passed to a child as it was given: refused here, before the child is started. */
export function asText(parse: (text: string) => unknown): (text: string) => string {
  return (text) => {
    parse(text);
    return text;
  };
}
