/** When a batch is due: at an interval, or by a cron pattern in any time zone. */
import { nowMs } from "../base/clock.ts";
import { parseDuration } from "../base/duration.ts";
import { MISSED_LOOK_MS, MISSED_NOTED_MAX } from "../base/limits.ts";
import { invalid } from "../command/cli.ts";

/** Milliseconds from `now_ms` (since 1970) to the next due time after it. */
export type Timetable = (now_ms: number) => number;

const FORMS = "Give an interval of at least a second (30s, 10m, 1h) or a cron pattern of five fields.";

/**
 * `10m` is due at whole multiples of it since 1970, so that a restart keeps the times; a cron pattern
 * is due at its times in the zone `tz` (an IANA name). Returns a sentence when the text is neither,
 * when the pattern is never due, or when there is no such zone.
 */
export function parseEvery(text: string, tz = "UTC"): Timetable | string {
  const us = parseDuration(text);
  if (us !== null) {
    const every_ms = us / 1000;
    return every_ms < 1000 ? FORMS : (now_ms) => every_ms - (now_ms % every_ms);
  }
  if (!isZone(tz)) return noZone(tz);
  const next = (now_ms: number) => Bun.cron.parse(text, now_ms, { tz })?.getTime();
  try {
    if (next(nowMs()) === undefined) return `"${text}" is never due: no month of the pattern has that day.`;
  } catch {
    return FORMS;
  }
  return (now_ms) => (next(now_ms) ?? Number.POSITIVE_INFINITY) - now_ms;
}

/** An interval or a cron pattern, for a flag of each command that begins batches; the text as given. */
export function everyFlag(text: string): string {
  const parsed = parseEvery(text);
  if (typeof parsed === "string") throw invalid(parsed);
  return text;
}

/** A time zone's name, for a flag. */
export function zoneFlag(text: string): string {
  if (!isZone(text)) throw invalid(noZone(text));
  return text;
}

const noZone = (tz: string) => `"${tz}" is not a time zone. Use for example UTC or Europe/Berlin.`;

function isZone(tz: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: tz }) !== null;
  } catch {
    return false;
  }
}

/**
 * Due times after `from_ms` and up to `to_ms`, in ms since 1970: those within MISSED_LOOK_MS, and of
 * these the newest MISSED_NOTED_MAX.
 */
export function dueBetween(timetable: Timetable, from_ms: number, to_ms: number): number[] {
  const due: number[] = [];
  const first_ms = Math.max(from_ms, to_ms - MISSED_LOOK_MS);
  for (let at = first_ms + timetable(first_ms); at <= to_ms; at += timetable(at)) {
    due.push(at);
    if (due.length > MISSED_NOTED_MAX) due.shift();
  }
  return due;
}
