/** Labels of a metric chart's axes and values: pure functions of numbers and names. */

/**
 * Labels of names that fit side by side in `width` pixels and those to the left and right of them; a
 * long one keeps its beginning and end.
 */
export function nameLabels(
  splits: readonly number[],
  names: readonly string[],
  { min, max, width, beside }: { min: number; max: number; width: number; beside: [left: number, right: number] },
): string[] {
  const place = (i: number) => ((i - min) / (max - min)) * width;
  let end = -beside[0];
  return splits.map((i) => {
    const label = Number.isInteger(i) ? short(names[i] ?? "") : "";
    const half = pixels(label) / 2;
    if (label === "" || place(i) - half < end || place(i) + half > width + beside[1]) return "";
    end = place(i) + half + CHARACTER_PX;
    return label;
  });
}

const CHARACTER_PX = 7;
/** Signs of East Asia and pictures are about twice as wide. */
const WIDE_PX = 13;
const LABEL_CHARACTERS_MAX = 18;

function short(name: string): string {
  const signs = [...name];
  return signs.length > LABEL_CHARACTERS_MAX ? `${signs.slice(0, 8).join("")}…${signs.slice(-9).join("")}` : name;
}

function pixels(label: string): number {
  return [...label].reduce((sum, sign) => sum + (sign >= "\u2e80" ? WIDE_PX : CHARACTER_PX), 0);
}

/** The power of ten by which values are divided: uPlot has no ticks above 10^17 or below 10^-16. */
export function unitOf(largest: number): number {
  if (largest === 0 || (largest >= 1e-6 && largest < 1e15)) return 1;
  return Math.max(10 ** Math.floor(Math.log10(largest)), Number.MIN_VALUE);
}

/** Numbers with enough digits to differ; very large and very small ones (`unit`) with an exponent. */
export function labelsOf(splits: readonly (number | null)[], unit = 1): string[] {
  const [first = 0, second = 0] = splits.map(Number);
  const step = Math.abs(second - first) || Math.abs(first) || 1;
  const largest = Math.max(...splits.map((value) => Math.abs(value ?? 0)));
  const written = (text: (value: number) => string) => splits.map((value) => (value === null ? "" : text(value)));
  if (unit !== 1 || largest >= 1e15 || (largest > 0 && largest < 1e-6)) {
    const digits = Math.min(15, Math.max(0, Math.ceil(Math.log10(largest / step))));
    return written((value) => (value === 0 ? "0" : (value * unit).toExponential(digits)));
  }
  const digits = Math.min(15, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9) + 1));
  return written((value) => value.toLocaleString("en", { maximumFractionDigits: digits }));
}

/** `08:05`, or `08:05:01.5`, of seconds since midnight. */
export function clockOf(seconds: number): string {
  const two = (part: number) => String(Math.floor(part)).padStart(2, "0");
  const size = Math.abs(seconds);
  const rest = Math.round((size % 60) * 1e6) / 1e6;
  const tail = rest === 0 ? "" : `:${rest < 10 ? "0" : ""}${rest}`;
  return `${seconds < 0 ? "-" : ""}${two(size / 3600)}:${two((size / 60) % 60)}${tail}`;
}

/** "25735.97" → "25,735.97"; what is not a plain number stays as it is. */
export function grouped(text: string): string {
  const [whole = "", fraction] = text.split(".");
  if (!/^-?\d+$/.test(whole)) return text;
  const head = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? head : `${head}.${fraction}`;
}
