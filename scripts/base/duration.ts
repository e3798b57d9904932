/** Durations as people write them. */
const UNITS_US: Record<string, number> = { us: 1, ms: 1_000, s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6 };

/** `1m` → 60,000,000 microseconds; null when the text is not a valid duration. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(us|ms|s|m|h|d)$/.exec(text.trim());
  if (!match) return null;
  const us = Number(match[1]) * UNITS_US[match[2]!]!;
  return Number.isSafeInteger(us) ? us : null;
}

/** 60,000,000 → `1m`: the largest unit that divides it. */
export function formatDuration(us: number): string {
  for (const unit of ["d", "h", "m", "s", "ms"]) {
    const size = UNITS_US[unit]!;
    if (us !== 0 && us % size === 0) return `${us / size}${unit}`;
  }
  return `${us}us`;
}

/**
 * 28,800,000,000 → `8 hours`: for people, with at most one digit after the point, in the largest unit
 * of which there are 1.5.
 */
export function formatSpan(us: number): string {
  const [size, unit] = SPANS.find(([size]) => us >= 1.5 * size) ?? [1e6, "seconds"];
  const count = Number((us / size).toFixed(1));
  return `${count} ${count === 1 ? unit.slice(0, -1) : unit}`;
}

const SPANS: [size_us: number, unit: string][] = [
  [365.25 * 86_400e6, "years"],
  [86_400e6, "days"],
  [3_600e6, "hours"],
  [60e6, "minutes"],
];
