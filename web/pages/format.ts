/** Numbers as people read them. Exact decimals stay text and only get separators. */

/** Digits after the point that are in sight; all of them are one step away. */
const DIGITS_SHOWN = 2;

/** "12277106.4796721222" → "12,277,106.4796721222"; null → "–". */
export function exact(value: unknown): string {
  if (value === null || value === undefined) return "–";
  const [whole = "", fraction] = String(value).split(".");
  const grouped = /^-?\d+$/.test(whole) ? whole.replace(/\B(?=(\d{3})+$)/g, ",") : whole;
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** A decimal with two digits after the point, rounded; one that would read as 0 is "< 0.01". */
export function short(value: unknown): string {
  const text = String(value ?? "");
  if (!/^-?\d+(\.\d+)?$/.test(text)) return exact(value);
  const rounded = roundedText(text);
  const isNothing = /^-?0\.0*$/.test(rounded) && /[1-9]/.test(text);
  return isNothing ? `${text.startsWith("-") ? "> −" : "< "}0.01` : exact(rounded);
}

/** By its digits: a double would change those of a long decimal. */
function roundedText(text: string): string {
  const [whole = "0", fraction = ""] = text.replace("-", "").split(".");
  const kept = BigInt(whole + fraction.slice(0, DIGITS_SHOWN).padEnd(DIGITS_SHOWN, "0"));
  const units = (kept + ((fraction[DIGITS_SHOWN] ?? "0") >= "5" ? 1n : 0n)).toString().padStart(DIGITS_SHOWN + 1, "0");
  return `${text.startsWith("-") ? "-" : ""}${units.slice(0, -DIGITS_SHOWN)}.${units.slice(-DIGITS_SHOWN)}`;
}

/** 0.184 → "0.18 ms", 1234 → "1.23 s", with a sign where it is negative. */
export function duration(ms: number): string {
  const size = Math.abs(ms);
  if (size < 1_000) return `${size < 10 ? round(ms, 2) : round(ms, 0)} ms`;
  if (size < 120_000) return `${round(ms / 1_000, size < 10_000 ? 2 : 1)} s`;
  if (size < 7_200_000) return `${round(ms / 60_000, 1)} min`;
  if (size < 172_800_000) return `${round(ms / 3_600_000, 1)} h`;
  return `${exact(round(ms / 86_400_000, size < 8_640_000_000 ? 1 : 0))} d`;
}

export function bytes(n: number): string {
  if (n < 1e3) return `${round(n, 0)} B`;
  if (n < 1e6) return `${round(n / 1e3, 0)} kB`;
  return n < 1e9 ? `${round(n / 1e6, 1)} MB` : `${round(n / 1e9, 2)} GB`;
}

export function percent(share: number): string {
  // Rounded down: 99.9999 % must not read as all. Above 1 is a fault, which must be seen.
  return share === 1 ? "100 %" : `${(Math.floor(share * 100_000) / 1_000).toFixed(3)} %`;
}

/** A share that is lost, rounded up: what is above 0 must not read as nothing. */
export function percentUp(share: number): string {
  // Binary digits beyond those that a share can have must not raise it.
  return `${(Math.ceil(Number((share * 100_000).toFixed(6))) / 1_000).toFixed(3)} %`;
}

export function round(value: number, digits: number): string {
  return value.toFixed(digits);
}

/** How many times: 640.4 → "640", 8.26 → "8.3". */
export function times(value: number): string {
  return value < 10 ? round(value, 1) : exact(Number(value.toPrecision(2)));
}

/** "2023-09-05T16:00:00.000000Z" → "16:00", with seconds where they aren't zero. */
export function clock(iso: string): string {
  const time = iso.slice(11, 19);
  return time.endsWith(":00") ? time.slice(0, 5) : time;
}

export function day(iso: string): string {
  return iso.slice(0, 10);
}

/** "1 window", "2 windows". */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${exact(n)} ${n === 1 ? one : many}`;
}
