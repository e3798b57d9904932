/** Which requests are served: our Host, a short address, GET or HEAD (docs/faults.md 33 to 36). */
import { hostname } from "node:os";
import type { MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { REQUEST_BYTES_MAX } from "../../scripts/base/limits.ts";
import { Problem } from "./problem.ts";

/** No inline script, no eval, no other host. style-src allows the DOM calls of htmx and uPlot. */
export const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    workerSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", "data:"],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
  },
  xFrameOptions: "DENY",
  strictTransportSecurity: false,
});

/**
 * Refuses a Host that isn't ours with 421 (DNS rebinding). `host` is what the server listens on: for
 * 0.0.0.0 and :: every IP address is ours, and this machine's name.
 */
export function ownHost(host: string, port: () => number): MiddlewareHandler {
  const everywhere = host === "0.0.0.0" || host === "::";
  const names = new Set([
    "localhost",
    "127.0.0.1",
    "[::1]",
    host.includes(":") ? `[${host}]` : host,
    ...(everywhere ? [hostname().toLowerCase()] : []),
  ]);
  return async (c, next) => {
    const given = c.req.header("host") ?? "";
    const match = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(\d+))?$/i.exec(given);
    const name = match?.[1]?.toLowerCase() ?? "";
    const isAddress = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/.test(name);
    if (Number(match?.[2] ?? 80) !== port() || !(names.has(name) || (everywhere && isAddress))) {
      const say = "This server does not answer for that host name.";
      throw new Problem(421, "HOST", say, "Open the address that `serve` printed.");
    }
    if (c.req.url.length > REQUEST_BYTES_MAX) throw new Problem(414, "USAGE", "The address is too long.");
    await next();
  };
}

/** Refuses every method but GET and HEAD with 405. */
export const readOnly: MiddlewareHandler = async ({ req: { method } }, next) => {
  if (method !== "GET" && method !== "HEAD")
    throw new Problem(405, "USAGE", `${method} is not allowed: this server is read-only.`, "", { Allow: "GET, HEAD" });
  await next();
};
