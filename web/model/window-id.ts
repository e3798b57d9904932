/** A window's id, `BTC-USD@2023-09-05T16:30/1m`: its product, its start in UTC, its size. */
import { parseDuration } from "../../scripts/base/duration.ts";
import { TidemarkError } from "../../scripts/base/errors.ts";
import { isoFromUs, usFromIso } from "../../scripts/base/iso.ts";
import { startName, windowAddress } from "../../scripts/contract/page-address.ts";
import type { WindowSize } from "./selection.ts";

/** The id of a window; seconds and fractions of its start where they are not zero. */
export function windowId(product: string, size: WindowSize, start_us: number): string {
  return `${product}@${startName(isoFromUs(start_us))}/${size.name}`;
}

/** The path of a window's page. */
export function windowPath(product: string, size: WindowSize, start_us: number): string {
  return windowAddress(product, size.name, isoFromUs(start_us));
}

export interface NamedWindow {
  product: string;
  size_us: number;
  start_us: number;
}

const EXAMPLE = "Use for example BTC-USD@2023-09-05T16:30/1m: product, start in UTC, size.";

/** Reads what `windowId` wrote; a start may also have seconds and a Z. Throws USAGE with a sentence. */
export function parseWindowId(id: string): NamedWindow {
  const refuse = (why: string) =>
    new TidemarkError("USAGE", `"${id.slice(0, 120)}" is not a valid window: ${why}.`, EXAMPLE);
  const [, product, start, size] = /^(.+)@([^@/]+)\/([^/@]+)$/s.exec(id) ?? [];
  if (product === undefined || start === undefined || size === undefined) throw refuse("it is not PRODUCT@START/SIZE");
  if (product.length > 64) throw refuse("a product has at most 64 characters");
  const start_us = usFromIso(start);
  if (start_us === null) throw refuse(`"${start.slice(0, 40)}" is not a valid time`);
  const size_us = parseDuration(size);
  if (size_us === null || size_us <= 0) throw refuse(`"${size.slice(0, 40)}" is not a valid size`);
  return { product, size_us, start_us };
}

/** The paths of the windows that begin before and after one. */
export function neighbours(of: {
  product: string;
  window: string;
  size_us: number;
  start_us: number;
  every_us: number;
}): [before: string, after: string] {
  const size = { us: of.size_us, name: of.window };
  const at = (start_us: number) => windowPath(of.product, size, start_us);
  return [at(of.start_us - of.every_us), at(of.start_us + of.every_us)];
}
