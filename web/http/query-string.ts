/** Query strings: the schemas that validate them, of which /openapi.json is made; a refusal is a 400. */
import type { Context } from "hono";
import { z } from "zod";
import { parseDuration } from "../../scripts/base/duration.ts";
import { usFromIso } from "../../scripts/base/iso.ts";
import { API_ROWS_MAX } from "../../scripts/base/limits.ts";
import { parseShare, type Share } from "../../scripts/measure/lateness-curve.ts";
import { RANGE_DEFAULT, RANGES_US, type RangeName } from "../model/chart.ts";
import { type Choice, firstSize, type Selection } from "../model/selection.ts";
import { Problem } from "./problem.ts";

/** A text that `parse` turns into a value, null when it is not valid; `expected` ends the refusal. */
function text<T>(parse: (text: string) => T | null, expected: string, meta: Record<string, unknown>) {
  const parsed = z.string().transform((given, context) => {
    const value = parse(given);
    if (value !== null) return value;
    context.addIssue({ code: "custom", message: expected, input: given });
    return z.NEVER;
  });
  return parsed.meta(meta);
}

const ROWS = `not a whole number from 1 to ${API_ROWS_MAX}.`;
const rows = (description: string) =>
  z
    .preprocess(
      (given) => (/^\d{1,9}$/.test(String(given)) ? Number(given) : given),
      z.int(ROWS).min(1, ROWS).max(API_ROWS_MAX, ROWS),
    )
    .meta({ description, example: 100 });
const time = (description: string, example: string) =>
  text(usFromIso, "not a valid time. Use for example 2023-09-05T16:00:00Z.", {
    description: `${description}; ISO 8601, UTC without a zone`,
    example,
  });
const PAGE = "not a whole number from 1.";
const selections = (description: string) =>
  text(
    (given) => /^.{1,64}\/[^/@]+(@[^@]*)?$/.exec(given)?.[0] ?? null,
    "not a product and a window size. Use for example BTC-USD/1m.",
    {
      description,
      example: "BTC-USD/1m",
    },
  );
const RANGE_NAMES = Object.keys(RANGES_US) as RangeName[];
const PRODUCT = "not a product: it has at most 64 characters, for example BTC-USD.";

/** Every parameter by its name: the text of an address in, the value that the answers use out. */
export const PARAMETERS = {
  product: z
    .string()
    .regex(/^.{1,64}$/, PRODUCT)
    .max(64, PRODUCT)
    .meta({
      description: "a product; lists of one that is not there yet are empty, because it may come",
      example: "BTC-USD",
    }),
  window: text(parseDuration, "not a valid size. Use for example 10s, 1m or 1h.", {
    description: "a window size",
    example: "1m",
  }),
  range: z.enum(RANGE_NAMES, `not a valid range: ${RANGE_NAMES.join(", ")}.`).meta({
    description: "a span that ends with the newest window, of at least ten windows",
    example: "1h",
  }),
  from: time("the first time", "2023-09-05T16:00:00Z"),
  to: time("the end, exclusive", "2023-09-05T17:00:00Z"),
  as_of: time("only what was known then, by the server's clock", "2023-09-05T17:00:00Z"),
  ticks: z.enum(["wait", "all"], "not valid. Use wait (for the archive) or all (up to 50,000 ticks).").meta({
    description: "wait for ticks that are in the archive only; all: up to 50,000 of them",
    example: "all",
  }),
  want: text(parseShare, "not a valid share. Use for example 99.99% (99.99%25 in an address).", {
    description: "a share of the ticks",
    example: "99.99%",
  }),
  sort: z.string().meta({ description: "the column by which rows are sorted", example: "product_id" }),
  desc: z.literal("1", "which can only be 1.").meta({ description: "1: the largest first", example: "1" }),
  page: z
    .preprocess((given) => (/^\d{1,6}$/.test(String(given)) ? Number(given) : given), z.int(PAGE).min(1, PAGE))
    .meta({ description: "a page of rows, from 1", example: 1 }),
  limit: rows("at most this many rows, the first ones"),
  last: rows("at most this many rows, the last ones"),
  pause: z.enum(["0", "1"], "not 0 or 1.").meta({ description: "1: the page does not move", example: "1" }),
  zone: text(zoneOf, "not a time zone. Use for example Europe/Berlin.", {
    description: "the zone in which the page shows times",
    example: "Europe/Berlin",
  }),
  view: z.enum(["wall"], "not wall.").meta({ description: "wall: the first screen alone", example: "wall" }),
  of: selections("a selection whose changes are sent; repeatable"),
  title: selections("a selection of which only the title is sent; repeatable"),
};

function zoneOf(zone: string): string | null {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }) && zone;
  } catch {
    return null;
  }
}

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

/** The value of a parameter; null when it is not given. Fails with a 400 that names it. */
export function valueOfParameter<N extends keyof typeof PARAMETERS>(
  parameter: N,
  text: string | null,
  name: string = parameter,
): z.output<(typeof PARAMETERS)[N]> | null {
  if (text === null) return null;
  const parsed = PARAMETERS[parameter].safeParse(text);
  if (parsed.success) return parsed.data as z.output<(typeof PARAMETERS)[N]>;
  throw new Problem(400, "USAGE", `${name} is "${text.slice(0, 40)}", ${parsed.error.issues[0]!.message}`);
}

/** A product that isn't there yet is allowed, because it may come. */
export function productOf(text: string | null): string | null {
  return valueOfParameter("product", text);
}

/** ISO 8601 with a zone → microseconds since 1970; a text without a zone is UTC. */
export function timeOf(name: string, text: string | null): number | null {
  return valueOfParameter("from", text, name);
}

/** A window size such as `1m` → microseconds. */
export function sizeOf(text: string | null): number | null {
  return valueOfParameter("window", text);
}

/** A share such as 99.99%; null when none is given. */
export function shareOf(name: string, text: string | null): Share | null {
  return valueOfParameter("want", text, name);
}

/** Which ticks of a window; null when it is not given. */
export function ticksOf(text: string | null): "wait" | "all" | null {
  return valueOfParameter("ticks", text);
}

/** A range of a page; RANGE_DEFAULT when none is given. */
export function rangeOf(text: string | null): RangeName {
  return valueOfParameter("range", text) ?? RANGE_DEFAULT;
}

/** A count of rows from 1 to API_ROWS_MAX. */
export function limitOf(text: string | null, otherwise: number, name = "limit"): number {
  return valueOfParameter("limit", text, name) ?? otherwise;
}

/** Of a message, the first ones. */
const PRODUCTS_NAMED = 20;

/**
 * The selection of a page; the first product, and 1m or the first size, where it names none. 404 for
 * what neither the stream nor the feed has.
 */
export function selectionOf(given: { product: string | null; window: string | null }, choice: Choice): Selection {
  const size_us = sizeOf(given.window);
  const size = size_us === null ? firstSize(choice) : choice.sizes.find(({ us }) => us === size_us);
  if (size === undefined) {
    const sizes = choice.sizes.map(({ name }) => name).join(", ");
    const say = `The stream has no windows of ${given.window}.`;
    throw new Problem(404, "NO_DATA", say, `Its --window flag sets the sizes: ${sizes}.`);
  }
  const product = productOf(given.product) ?? choice.products[0]!;
  if (!choice.products.includes(product) && !choice.isGuess) {
    const products = choice.products.slice(0, PRODUCTS_NAMED).join(", ");
    throw new Problem(404, "NO_DATA", `The stream has no ticks of ${product}.`, `Products: ${products}.`);
  }
  return { product, size };
}

/** The number of a page of rows, from 1. */
export function pageOf(text: string | null): number {
  return valueOfParameter("page", text) ?? 1;
}

/** Whether the largest is first. */
export function descendingOf(text: string | null): boolean {
  return valueOfParameter("desc", text) !== null;
}
