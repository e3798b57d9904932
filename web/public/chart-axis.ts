/** Ticks of an axis and their labels: round values, and times of day in a time zone. */

/** Seconds; from a day on, whole days. */
const TIME_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
  1_209_600, 2_592_000, 7_776_000, 31_536_000,
];
const DAY_S = 86_400;
const formats = new Map<string, Intl.DateTimeFormat>();

/** The parts of a moment in a time zone, as numbers. */
function partsOf(at_s: number, zone: string): Record<"year" | "month" | "day" | "hour" | "minute" | "second", number> {
  let format = formats.get(zone);
  if (format === undefined) {
    const number = "numeric";
    const options = { year: number, month: number, day: number, hour: number, minute: number, second: number } as const;
    format = new Intl.DateTimeFormat("en", { ...options, hourCycle: "h23", timeZone: zone });
    formats.set(zone, format);
  }
  const parts = format.formatToParts(Math.floor(at_s) * 1000);
  return Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)])) as ReturnType<typeof partsOf>;
}

/** Seconds that the zone's clocks are ahead of UTC at a moment. */
function offsetOf(at_s: number, zone: string): number {
  if (zone === "UTC") return 0;
  const { year, month, day, hour, minute, second } = partsOf(at_s, zone);
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - Math.floor(at_s);
}

const two = (value: number) => String(value).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `16:54`, or `16:54:52` where seconds count. */
export function clockOf(at_s: number, zone: string, withSeconds: boolean): string {
  const { hour, minute, second } = partsOf(at_s, zone);
  return `${two(hour)}:${two(minute)}${withSeconds ? `:${two(second)}` : ""}`;
}

/** `5 Sep 2023`. */
export function dayOf(at_s: number, zone: string): string {
  return `${shortDay(at_s, zone)} ${partsOf(at_s, zone).year}`;
}

function shortDay(at_s: number, zone: string): string {
  const { month, day } = partsOf(at_s, zone);
  return `${day} ${MONTHS[month - 1]}`;
}

/** The days of a span, and whose they are: `5 Sep 2023 · UTC`. */
export function daysOf(from_s: number, to_s: number, zone: string): string {
  const [first, last] = [dayOf(from_s, zone), dayOf(to_s, zone)];
  return `${first === last ? first : `${first} – ${last}`} · ${zone}`;
}

interface TimeTick {
  at_s: number;
  /** The time of day, or the day where it begins. */
  label: string;
}

/** At most `most` ticks at round times of the zone. */
export function timeTicks(from_s: number, to_s: number, most: number, zone: string): TimeTick[] {
  const step = TIME_STEPS.find((seconds) => (to_s - from_s) / seconds <= most) ?? TIME_STEPS.at(-1)!;
  const ticks: TimeTick[] = [];
  const ahead = offsetOf(from_s, zone);
  for (let at = Math.ceil((from_s + ahead) / step) * step; ; at += step) {
    // The offset of a moment near by: where clocks change, one tick may be an hour off its place.
    const at_s = at - offsetOf(at - ahead, zone);
    if (at_s > to_s || ticks.length > most) return ticks;
    if (at_s < from_s) continue;
    ticks.push({ at_s, label: at % DAY_S === 0 ? shortDay(at_s, zone) : clockOf(at_s, zone, step < 60) });
  }
}

/** Round values from `low` to `high`, about `count` of them. */
export function valueTicks(low: number, high: number, count: number): number[] {
  const raw = (high - low) / Math.max(1, count);
  if (!(raw > 0) || !Number.isFinite(raw)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((value) => value >= raw * 0.999)!;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // Multiplied, not added up: sums would carry their error from tick to tick.
  return Array.from({ length: Math.max(0, Math.min(100, last - first + 1)) }, (_, i) => (first + i) * step);
}

/** Labels with as many digits as their step needs to differ. */
export function valueLabels(ticks: readonly number[]): string[] {
  const step = Math.abs((ticks[1] ?? 0) - (ticks[0] ?? 0)) || Math.abs(ticks[0] ?? 0) || 1;
  let digits = Math.min(12, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
  // A step of 2.5 has a digit more than its power of ten.
  if (digits < 12 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6) digits++;
  return ticks.map((value) => decimals(value, digits));
}

/** With commas, and exactly this many digits after the point. */
export function decimals(value: number, digits: number): string {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
