/** Query strings, parsed at the edge: what can't be understood is a 400 with a sentence that names it. */
import type { Context } from "hono";
import { parseDuration } from "../../scripts/base/duration.ts";
import { API_ROWS_MAX } from "../../scripts/base/limits.ts";
import type { Choice, Selection } from "../model/view.ts";
import { Problem } from "./problem.ts";

/** The parameters of a path, of those that it knows: an unknown name is refused rather than ignored. */
export function parameters<N extends string>(c: Context, names: readonly N[]): Record<N, string | null> {
  const given = new URL(c.req.url).searchParams;
  const unknown = [...given.keys()].find((name) => !(names as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new Problem(
      400,
      "USAGE",
      `"${unknown}" is no parameter here.`,
      names.length > 0 ? `There are: ${names.join(", ")}.` : "There are none.",
    );
  }
  const twice = names.find((name) => given.getAll(name).length > 1);
  if (twice !== undefined) throw new Problem(400, "USAGE", `${twice} is given more than once.`, "Give it once.");
  const values = names.map((name) => [name, given.get(name) === "" ? null : given.get(name)]);
  return Object.fromEntries(values) as Record<N, string | null>;
}

export function productOf(text: string | null): string | null {
  if (text !== null && !/^.{1,64}$/.test(text))
    throw new Problem(400, "USAGE", "product is at most 64 characters, for example BTC-USD.");
  return text;
}

/** ISO 8601 with a zone → microseconds since 1970; a text without a zone is UTC. */
export function timeOf(name: string, text: string | null): number | null {
  if (text === null) return null;
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,6}))?\d*)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  const ms = match ? Date.parse(`${match[1]}T${match[2] ?? "00:00"}${match[4] ?? "Z"}`) : Number.NaN;
  // Date.parse takes 31 February for 3 March.
  const isDay = match !== null && new Date(Date.parse(match[1]!)).toJSON()?.slice(0, 10) === match[1];
  if (!match || !isDay || Number.isNaN(ms))
    throw new Problem(400, "USAGE", `${name} is "${text.slice(0, 40)}": give a time such as 2023-09-05T16:00:00Z.`);
  return ms * 1_000 + Number((match[3] ?? "").padEnd(6, "0"));
}

export function sizeOf(text: string | null): number | null {
  const us = text === null ? null : parseDuration(text);
  if (text !== null && us === null)
    throw new Problem(400, "USAGE", `window is "${text.slice(0, 40)}": give a size such as 10s, 1m or 1h.`);
  return us;
}

export function limitOf(text: string | null, otherwise: number, name = "limit"): number {
  if (text === null) return otherwise;
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text) || value < 1 || value > API_ROWS_MAX)
    throw new Problem(
      400,
      "USAGE",
      `${name} is "${text.slice(0, 40)}": give a whole number from 1 to ${API_ROWS_MAX}.`,
    );
  return value;
}

/** What the page is about; without a choice the first product and size. A product that isn't there yet is allowed: it may come. */
export function selectionOf(given: { product: string | null; window: string | null }, choice: Choice): Selection {
  const size_us = sizeOf(given.window) ?? choice.sizes_us[0]!;
  if (!choice.sizes_us.includes(size_us))
    throw new Problem(
      404,
      "NO_DATA",
      `The stream keeps no windows of ${given.window}.`,
      "Its --window flag says which.",
    );
  return { product: productOf(given.product) ?? choice.products[0]!, size_us };
}
