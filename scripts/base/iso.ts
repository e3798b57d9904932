/** ISO 8601 text ↔ time, for flags, query strings and our own files; frames have message/time.ts. */

const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,6}))?\d*)?(Z|[+-]\d\d:\d\d)?$/;

/**
 * Microseconds since 1970 UTC; null when the text is not a valid time. Without a zone it is UTC,
 * without a time midnight; digits beyond microseconds are dropped.
 */
export function usFromIso(text: string): number | null {
  const [, day, time = "00:00", fraction = "", zone = "Z"] = ISO.exec(text) ?? [];
  // Date.parse takes 31 February for 3 March.
  if (day === undefined || new Date(Date.parse(day)).toJSON()?.slice(0, 10) !== day) return null;
  const ms = Date.parse(`${day}T${time}${zone}`);
  return Number.isNaN(ms) ? null : ms * 1_000 + Number(fraction.padEnd(6, "0"));
}

/** `2023-09-05T16:00:00.000000Z`, always with six digits. */
export function isoFromUs(us: number): string {
  const seconds = Math.floor(us / 1_000_000);
  const rest = us - seconds * 1_000_000;
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}.${String(rest).padStart(6, "0")}Z`;
}

/** The same without the fraction, for sentences: `2023-09-05T16:00:00Z`. */
export function isoSecondFromUs(us: number): string {
  return `${isoFromUs(us).slice(0, 19)}Z`;
}

/** For sentences that are about now: `16:00:00 UTC`, with the date if that is not the day of `now_us`. */
export function clockFromUs(us: number, now_us: number): string {
  const [day, time] = isoFromUs(us).slice(0, 19).split("T") as [string, string];
  return `${isoFromUs(now_us).startsWith(day) ? "" : `${day} `}${time} UTC`;
}

const YEAR_1_S = Date.parse("0001-01-01T00:00:00Z") / 1_000;
const YEAR_10000_S = Date.parse("+010000-01-01T00:00:00Z") / 1_000;

/** Whole seconds since 1970 UTC as `2023-09-05T16:00:00`; null before year 1 and after year 9999. */
export function isoSeconds(seconds: number): string | null {
  if (seconds < YEAR_1_S || seconds >= YEAR_10000_S) return null;
  return new Date(seconds * 1_000).toISOString().slice(0, 19);
}

/** Milliseconds since 1970 UTC of a date in an HTTP header; NaN when it is not a valid date. */
export function msFromHttpDate(text: string): number {
  return Date.parse(text);
}
