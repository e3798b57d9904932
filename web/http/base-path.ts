/** The path under which a proxy shows the page (`--base-path /tidemark`), put before its addresses. */
import type { MiddlewareHandler } from "hono";

/** The path of a request without the base; a proxy may also have removed it already. */
export function withoutBase(path: string, base: string): string {
  if (base === "" || (path !== base && !path.startsWith(`${base}/`))) return path;
  return path.slice(base.length) || "/";
}

/**
 * Attributes with an address of ours; in the JSON of an event their quotes are escaped. Text can't
 * match: its quotes are entities.
 */
const ADDRESSES = /( (?:href|src|action|hx-[a-z]+|data-(?:href|src|url|worker))=\\?")(?=\/(?!\/))/g;

/** HTML, or events with HTML in JSON, with `base` before each address; scripts read it from <html>. */
export function rebased(html: string, base: string): string {
  if (base === "") return html;
  return html.replace(ADDRESSES, `$1${base}`).replace(/^(<!doctype html>\s*<html)\b/i, `$1 data-base="${base}"`);
}

/** Rebases pages; the parts in events are rebased before they are compressed. */
export function underBase(base: string): MiddlewareHandler {
  return async (c, next) => {
    await next();
    if (base === "" || c.res.body === null || c.res.headers.has("content-encoding")) return;
    const type = c.res.headers.get("content-type") ?? "";
    if (type.startsWith("text/html")) c.res = new Response(rebased(await c.res.text(), base), c.res);
  };
}
