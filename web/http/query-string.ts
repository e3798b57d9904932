/** Query strings, parsed at the edge: an invalid value is a 400 that names it. */
import type { Context } from "hono";
import { parseDuration } from "../../scripts/base/duration.ts";
import { usFromIso } from "../../scripts/base/iso.ts";
import { API_ROWS_MAX } from "../../scripts/base/limits.ts";
import { parseShare, type Share } from "../../scripts/measure/lateness-curve.ts";
import { RANGE_DEFAULT, RANGES_US, type RangeName } from "../model/chart.ts";
import { type Choice, firstSize, type Selection } from "../model/selection.ts";
import { Problem } from "./problem.ts";

/** The values of `names`, null when absent or empty. Refuses other names and repetition. */
export function parameters<N extends string>(c: Context, names: readonly N[]): Record<N, string | null> {
  const given = new URL(c.req.url).searchParams;
  const unknown = [...given.keys()].find((name) => !(names as readonly string[]).includes(name));
  if (unknown !== undefined) {
    const valid = names.length > 0 ? `Valid: ${names.join(", ")}.` : "This path has none.";
    throw new Problem(400, "USAGE", `Unknown parameter "${unknown}".`, valid);
  }
  const twice = names.find((name) => given.getAll(name).length > 1);
  if (twice !== undefined) throw new Problem(400, "USAGE", `${twice} is given more than once.`, "Pass it once.");
  const values = names.map((name) => [name, given.get(name) === "" ? null : given.get(name)]);
  return Object.fromEntries(values) as Record<N, string | null>;
}

/** At most 64 characters; a product that isn't there yet is allowed, because it may come. */
export function productOf(text: string | null): string | null {
  if (text !== null && !/^.{1,64}$/.test(text))
    throw new Problem(400, "USAGE", "product has at most 64 characters, for example BTC-USD.");
  return text;
}

/** ISO 8601 with a zone → microseconds since 1970; a text without a zone is UTC. */
export function timeOf(name: string, text: string | null): number | null {
  if (text === null) return null;
  const us = usFromIso(text);
  if (us === null)
    throw new Problem(
      400,
      "USAGE",
      `${name} is "${text.slice(0, 40)}", not a valid time. Use for example 2023-09-05T16:00:00Z.`,
    );
  return us;
}

/** A window size such as `1m` → microseconds. */
export function sizeOf(text: string | null): number | null {
  const us = text === null ? null : parseDuration(text);
  if (text !== null && us === null)
    throw new Problem(
      400,
      "USAGE",
      `window is "${text.slice(0, 40)}", not a valid size. Use for example 10s, 1m or 1h.`,
    );
  return us;
}

/** A share such as 99.99%; null when none is given. */
export function shareOf(name: string, text: string | null): Share | null {
  const share = text === null ? null : parseShare(text);
  if (text !== null && share === null)
    throw new Problem(
      400,
      "USAGE",
      `${name} is "${text.slice(0, 40)}", not a valid share. Use for example 99.99% (99.99%25 in an address).`,
    );
  return share;
}

/** A range of a page: 15m, 1h, 6h or all. */
export function rangeOf(text: string | null): RangeName {
  const name = text ?? RANGE_DEFAULT;
  const known = Object.keys(RANGES_US);
  if (!known.includes(name))
    throw new Problem(400, "USAGE", `range is "${name.slice(0, 40)}". Valid: ${known.join(", ")}.`);
  return name as RangeName;
}

/** A count of rows from 1 to API_ROWS_MAX. */
export function limitOf(text: string | null, otherwise: number, name = "limit"): number {
  if (text === null) return otherwise;
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text) || value < 1 || value > API_ROWS_MAX)
    throw new Problem(400, "USAGE", `${name} is "${text.slice(0, 40)}", not a whole number from 1 to ${API_ROWS_MAX}.`);
  return value;
}

/** The selection of a page; the first product, and 1m or the first size, where it names none. */
export function selectionOf(given: { product: string | null; window: string | null }, choice: Choice): Selection {
  const size_us = sizeOf(given.window);
  const size = size_us === null ? firstSize(choice) : choice.sizes.find(({ us }) => us === size_us);
  if (size === undefined) {
    const sizes = choice.sizes.map(({ name }) => name).join(", ");
    const say = `The stream has no windows of ${given.window}.`;
    throw new Problem(404, "NO_DATA", say, `Its --window flag sets the sizes: ${sizes}.`);
  }
  return { product: productOf(given.product) ?? choice.products[0]!, size };
}
