/** What windows a foreign answer has: size, hop, alignment, and the shift of their times to UTC. */
import { formatDuration } from "../../base/duration.ts";
import { TidemarkError } from "../../base/errors.ts";
import { commonDivisor, type WindowSpec } from "../../contract/window.ts";
import type { AuditRecord, ForeignRow, WindowShape } from "../audit-types.ts";
import { findShift } from "./shift-search.ts";

interface ShapeGiven {
  /** Whether their times name a zone themselves. */
  hasZone: boolean;
  /** `--zone`; null to find the shift. */
  zone: string | null;
  /** `--window`; null to find it. */
  window: WindowSpec | null;
}

/** Part of the starts that are aligned, at least: a row of wrong start must not decide. */
const ALIGNED_MIN = 0.9;
/** The same where the size is known: of hopping windows at most half are aligned by the size. */
const TUMBLING_MIN = 0.6;
/** Distances between starts that are tried as sizes, the most frequent ones. */
const DISTANCES_MAX = 20;
/** Zones are multiples of this, from −12 to +14 hours. */
const ZONE_STEP_US = 900e6;
const ZONE_MAX_US = 14 * 3_600e6;

/**
 * The shape of these rows: the newest of each window. A shift is taken only where windows of the
 * records reproduce more rows with it than without. Throws USAGE where the size is not clear.
 */
export function detectShape(
  rows: readonly ForeignRow[],
  records: readonly AuditRecord[],
  given: ShapeGiven,
): WindowShape {
  if (given.window !== null) requireDistance(rows, given.window);
  const { size_us, every_us } = given.window ?? windowOf(rows);
  const shift_us = given.zone === null ? findShift(rows, records, { size_us, every_us }) : zoneShift(given.zone, rows);
  const starts = rows.map(({ window_start_us }) => window_start_us + shift_us);
  return {
    size_us,
    every_us,
    offset_us: mode(starts.map((start) => floorMod(start, every_us))).value ?? 0,
    shift_us,
    zone: zoneOf(shift_us),
    hasZone: given.hasZone,
  };
}

/** Starts of each product, distinct and in order. */
function startsOf(rows: readonly ForeignRow[]): number[][] {
  return [...Map.groupBy(rows, ({ product_id }) => product_id).values()].map((own) =>
    [...new Set(own.map(({ window_start_us }) => window_start_us))].sort((a, b) => a - b),
  );
}

/** Throws USAGE where --window names windows that begin less often than the rows do. */
function requireDistance(rows: readonly ForeignRow[], { every_us }: WindowSpec): void {
  const most = mode(distancesOf(startsOf(rows))).value;
  if (most === null || most >= every_us) return;
  const apart = formatDuration(most);
  throw new TidemarkError(
    "USAGE",
    `The rows are ${apart} apart, and windows that begin every ${formatDuration(every_us)} are not.`,
    `Use --window ${apart}, or --every ${apart} if the windows overlap.`,
  );
}

function windowOf(rows: readonly ForeignRow[]): WindowSpec {
  const starts = startsOf(rows);
  const all = starts.flat();
  const distances = commonDistances(starts);
  const size_us = sizeByEnds(rows);
  if (size_us !== null) {
    const every_us = [size_us, ...distances.filter((distance) => distance < size_us && size_us % distance === 0)].find(
      (distance) => aligned(all, distance) >= TUMBLING_MIN,
    );
    return { size_us, every_us: every_us ?? size_us };
  }
  const every_us = distances.find((distance) => aligned(all, distance) >= ALIGNED_MIN);
  if (every_us === undefined)
    throw new TidemarkError(
      "USAGE",
      "The size of the answer's windows is not clear: it has no window_end, and its starts have no common distance.",
      "Give it, for example --window 1m.",
    );
  return { size_us: every_us, every_us };
}

/** Null without ends. Ends may be inclusive: 59.999 s after the start is a window of 60 s. */
function sizeByEnds(rows: readonly ForeignRow[]): number | null {
  const sizes = rows.flatMap((row) => (row.window_end_us === null ? [] : [wholeSize(row)]));
  const { value, counts } = mode(sizes);
  if (value === null) return null;
  if (counts.size > 1) {
    const shown = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 4);
    const odd = rows.find((row) => row.window_end_us !== null && wholeSize(row) !== value)!;
    throw new TidemarkError(
      "USAGE",
      `The answer has windows of several sizes (${shown.map(([size, count]) => `${formatDuration(size)}: ${count} rows`).join(", ")}; the first other one is ${odd.where}).`,
      `Name the size to audit, for example --window ${formatDuration(value)}; rows of other sizes are left out.`,
    );
  }
  if (value <= 0)
    throw new TidemarkError("USAGE", `${rows[0]!.where} ends before it begins.`, "Map other columns with --map.");
  return value;
}

/** A row's end − start; an inclusive end, 1 µs, 1 ms or 1 s less than a whole size, is made whole. */
export function wholeSize({ window_start_us, window_end_us }: ForeignRow): number {
  const size = window_end_us! - window_start_us;
  for (const [unit, whole] of [
    [1, 1e6],
    [1e3, 1e6],
    [1e6, 60e6],
  ] as const)
    if (size > 0 && size % whole === whole - unit) return size + unit;
  return size;
}

function distancesOf(starts: readonly number[][]): number[] {
  return starts.flatMap((own) => own.slice(1).map((start, i) => start - own[i]!));
}

/** Distances of neighbouring starts and their common divisors, the largest first. */
function commonDistances(starts: readonly number[][]): number[] {
  const { counts } = mode(distancesOf(starts));
  const frequent = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, DISTANCES_MAX);
  const distances = new Set(frequent.map(([distance]) => distance));
  for (const one of [...distances]) for (const [other] of frequent) distances.add(commonDivisor(one, other));
  return [...distances].sort((a, b) => b - a);
}

/** The part of the starts that have the most frequent rest by `distance`. */
function aligned(starts: readonly number[], distance: number): number {
  const { value, counts } = mode(starts.map((start) => floorMod(start, distance)));
  return value === null ? 0 : counts.get(value)! / starts.length;
}

function mode(values: readonly number[]): { value: number | null; counts: Map<number, number> } {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let value: number | null = null;
  for (const [each, count] of counts) if (value === null || count > counts.get(value)!) value = each;
  return { value, counts };
}

function floorMod(a: number, b: number): number {
  return ((a % b) + b) % b;
}

/** What is added to times of a zone to get UTC; throws USAGE for an unknown zone, or one that changes. */
function zoneShift(zone: string, rows: readonly ForeignRow[]): number {
  if (/^(UTC|GMT|Z)$/i.test(zone)) return 0;
  const [, sign, hours, minutes = "0"] = /^([+-])(\d\d?):?(\d\d)?$/.exec(zone) ?? [];
  if (sign !== undefined) {
    const us = (Number(hours) * 60 + Number(minutes)) * 60e6;
    if (us <= ZONE_MAX_US && Number(minutes) < 60) return us === 0 ? 0 : sign === "+" ? -us : us;
  }
  const offsets = new Set(rows.map(({ window_start_us }) => namedOffset(zone, window_start_us)));
  if (offsets.size > 1)
    throw new TidemarkError(
      "USAGE",
      `The zone ${zone} changes its distance to UTC within the answer.`,
      "Write their times in UTC, or audit each part alone, for example with --zone +02:00.",
    );
  return -([...offsets][0] ?? 0) || 0;
}

/** The offset of an IANA zone at a local time, taken as UTC: wrong only within hours of a change. */
function namedOffset(zone: string, local_us: number): number {
  try {
    const parts = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" }).formatToParts(
      local_us / 1_000,
    );
    const name = parts.find(({ type }) => type === "timeZoneName")!.value;
    const [, sign = "+", hours = "0", minutes = "0"] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(name) ?? [];
    return (Number(hours) * 60 + Number(minutes)) * 60e6 * (sign === "-" ? -1 : 1);
  } catch {
    throw new TidemarkError(
      "USAGE",
      `--zone ${zone} is not a known zone.`,
      "Use UTC, an offset such as +05:30, or a name such as Asia/Kolkata.",
    );
  }
}

/** The zone of which this is the shift to UTC; null when it is not one. */
function zoneOf(shift_us: number): string | null {
  if (shift_us === 0) return "UTC";
  if (shift_us % ZONE_STEP_US !== 0 || Math.abs(shift_us) > ZONE_MAX_US) return null;
  const minutes = Math.abs(shift_us) / 60e6;
  const two = (value: number) => String(value).padStart(2, "0");
  return `${shift_us < 0 ? "+" : "-"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
