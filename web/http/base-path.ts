/** The path under which a proxy shows the page (`--base-path /tidemark`), put before its addresses. */
import type { MiddlewareHandler } from "hono";

/** The path of a request without the base; a proxy may also have removed it already. */
export function withoutBase(path: string, base: string): string {
  if (base === "" || (path !== base && !path.startsWith(`${base}/`))) return path;
  return path.slice(base.length) || "/";
}

/** Attributes with an address of ours. Text can't match: its quotes are entities. */
const ADDRESSES = /( (?:href|src|action|hx-[\w:-]+|data-(?:href|src|url|worker|stale))=")(?=\/(?!\/))/g;

/** HTML with `base` before each of its addresses; programs read it from <html> (public/site.ts). */
export function rebased(html: string, base: string): string {
  if (base === "") return html;
  return html.replace(ADDRESSES, `$1${base}`).replace(/^(<!doctype html>\s*<html)\b/i, `$1 data-base="${base}"`);
}

/** Rebases pages; events are rebased where they are made. `/tidemark` leads to `/tidemark/`. */
export function underBase(base: string): MiddlewareHandler {
  return async (c, next) => {
    // Null for a Host that is refused later.
    const url = base === "" ? null : URL.parse(c.req.url);
    if (url?.pathname === base) return c.redirect(`${base}/${url.search}`, 308);
    await next();
    if (base === "" || !/^text\/html\b/.test(c.res.headers.get("content-type") ?? "")) return;
    c.res = new Response(rebased(await c.res.text(), base), c.res);
  };
}
