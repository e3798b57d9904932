/** The selections that a client of /events asks for, from its address. */
import type { Context } from "hono";
import type { SelectionKey } from "../../scripts/contract/page-events.ts";
import { type PagePosition, positionFromId } from "../model/page-changes.ts";
import type { Choice, Selection } from "../model/selection.ts";
import { Problem } from "./problem.ts";
import { productOf, selectionOf, sizeOf, valueOfParameter } from "./query-string.ts";

/** One selection, and what the client has of it. */
export interface Watched {
  /** As the client wrote it: events name it so. */
  key: SelectionKey;
  selection: Selection;
  position: PagePosition;
}

/** What one client watches: `of` in full, of `titles` only what a hidden tab shows. */
export interface Watch {
  of: Watched[];
  titles: Watched[];
}

const NAMES = ["of", "title", "product", "window"];
/** Tabs of one browser. */
const WATCHED_MAX = 64;

/**
 * `of=BTC-USD/1m` and `title=…`, each any number of times; `of=BTC-USD/1m@ID` continues from an
 * event's id, as the header Last-Event-ID does for all. Without them: `product` and `window`.
 */
export function watchOf(c: Context, choice: Choice): Watch {
  const given = new URL(c.req.url).searchParams;
  const unknown = [...given.keys()].find((name) => !NAMES.includes(name));
  if (unknown !== undefined)
    throw new Problem(400, "USAGE", `Unknown parameter "${unknown}".`, `Valid: ${NAMES.join(", ")}.`);
  const [of, titles] = [given.getAll("of"), given.getAll("title")];
  if (of.length + titles.length > WATCHED_MAX)
    throw new Problem(400, "USAGE", `At most ${WATCHED_MAX} selections are sent in one stream.`, "Open another one.");
  const heard = c.req.header("last-event-id");
  const watched = (name: "of" | "title", texts: string[]) =>
    [...new Set(texts)].map((text) => one(valueOfParameter(name, text)!, choice, heard));
  if (of.length + titles.length > 0) return { of: watched("of", of), titles: watched("title", titles) };
  for (const name of ["product", "window"])
    if (given.getAll(name).length > 1)
      throw new Problem(400, "USAGE", `${name} is given more than once.`, "Use of=PRODUCT/WINDOW for each.");
  const selection = selectionOf({ product: given.get("product") || null, window: given.get("window") || null }, choice);
  const key = `${selection.product}/${selection.size.name}`;
  return { of: [{ key, selection, position: positionFromId(heard) }], titles: [] };
}

/** A size that the stream doesn't keep has no windows: it must not end the stream of the other tabs. */
function one(text: string, { sizes }: Choice, heard: string | undefined): Watched {
  const [, key, product, window, id] = /^((.+)\/([^/@]+))(?:@([^@]*))?$/.exec(text)!;
  const us = sizeOf(window!)!;
  const size = sizes.find((known) => known.us === us) ?? { us, name: window! };
  return { key: key!, selection: { product: productOf(product!)!, size }, position: positionFromId(heard ?? id) };
}
