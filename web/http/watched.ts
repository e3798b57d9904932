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
/** Different selections of all clients, each with 150 kB of HTML; and those that have no data yet. */
const SELECTIONS_MAX = 100;
const UNKNOWN_MAX = 16;

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

/** Whether there are windows, or will be: of others no parts are made. */
export function isChoice({ product, size }: Selection, { products, sizes }: Choice): boolean {
  return products.includes(product) && sizes.some(({ us }) => us === size.us);
}

/** Refuses a client that would add too many selections to those of the others with 503 BUSY. */
export function refuseTooMany({ of, titles }: Watch, others: Iterable<Watch>, choice: Choice): void {
  const all = new Map<SelectionKey, Selection>();
  for (const watch of others) for (const { key, selection } of [...watch.of, ...watch.titles]) all.set(key, selection);
  const added = [...of, ...titles].filter(({ key }) => !all.has(key));
  if (added.length === 0) return;
  for (const { key, selection } of added) all.set(key, selection);
  const unknown = all.values().reduce((count, selection) => count + (isChoice(selection, choice) ? 0 : 1), 0);
  const addsUnknown = added.some(({ selection }) => !isChoice(selection, choice));
  if (all.size <= SELECTIONS_MAX && (!addsUnknown || unknown <= UNKNOWN_MAX)) return;
  const what = all.size > SELECTIONS_MAX ? `${SELECTIONS_MAX} selections` : `${UNKNOWN_MAX} selections without data`;
  throw new Problem(503, "BUSY", `The open pages show ${what} already.`, "Close some.", {
    "Retry-After": "10",
  });
}

/** A size that the stream doesn't keep has no windows: it must not end the stream of the other tabs. */
function one(text: string, { sizes }: Choice, heard: string | undefined): Watched {
  const [, key, product, window, id] = /^((.+)\/([^/@]+))(?:@([^@]*))?$/.exec(text)!;
  const us = sizeOf(window!)!;
  const size = sizes.find((known) => known.us === us) ?? { us, name: window! };
  return { key: key!, selection: { product: productOf(product!)!, size }, position: positionFromId(heard ?? id) };
}
