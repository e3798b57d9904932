/** Cells of a foreign file of trades in the spelling of the feed, so that one rule judges both. */
import { isoFromUs, usFromIso } from "../../base/iso.ts";

/** Digits of a whole number of seconds, ms, µs and ns since 1970, for times of 2001 to 2286. */
const EPOCH: Record<number, number> = { 10: 1e6, 13: 1e3, 16: 1, 19: 1e-3 };

/** A time as the feed writes it; a text that is not a time stays as it is, and is refused with it. */
export function feedTime(text: string | null): string | null {
  if (text === null) return null;
  const us =
    epochUs(text.trim()) ??
    usFromIso(
      text
        .trim()
        .replace(/ ?UTC$/, "Z")
        .replace(/([+-]\d\d)$/, "$1:00"),
    );
  return us === null ? text : isoFromUs(us);
}

/** Seconds, ms, µs or ns since 1970, recognised by their digits; null for any other text. */
function epochUs(text: string): number | null {
  const [, whole = "", fraction = ""] = /^(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  const unit_us = EPOCH[whole.length];
  if (unit_us === undefined) return null;
  if (unit_us < 1) return Number(BigInt(whole) / 1_000n);
  const digits = Math.log10(unit_us);
  return Number(whole) * unit_us + (digits === 0 ? 0 : Number(fraction.slice(0, digits).padEnd(digits, "0")));
}

/** A number in plain digits: `1e-05` of a float column is 0.00001; other texts stay as they are. */
export function plainNumber(text: string | null): string | null {
  const [, sign = "", whole = "", fraction = "", exponent = ""] =
    /^(-?)(\d+)(?:\.(\d*))?[eE]([+-]?\d{1,3})$/.exec(text ?? "") ?? [];
  if (exponent === "") return text;
  const at = whole.length + Number(exponent);
  const digits = whole + fraction;
  if (at <= 0) return `${sign}0.${"0".repeat(-at)}${digits}`;
  return at >= digits.length ? sign + digits.padEnd(at, "0") : `${sign}${digits.slice(0, at)}.${digits.slice(at)}`;
}

const SIDES: Record<string, "buy" | "sell"> = {
  buy: "buy",
  b: "buy",
  bid: "buy",
  sell: "sell",
  s: "sell",
  ask: "sell",
};

/** The taker's side; a column that states whether the buyer was the maker has `true` for a sell. */
export function takerSide(text: string | null, isBuyerMaker: boolean): string | null {
  const plain = text?.trim().toLowerCase() ?? "";
  if (isBuyerMaker && /^(true|t|1)$/.test(plain)) return "sell";
  if (isBuyerMaker && /^(false|f|0)$/.test(plain)) return "buy";
  return SIDES[plain] ?? text;
}

/** A trade id as a number if it is one that can be exact; any other text is refused later. */
export function tradeId(text: string | null): number | string | null {
  const id = Number(text);
  return text !== null && /^\d+$/.test(text) && Number.isSafeInteger(id) ? id : text;
}
