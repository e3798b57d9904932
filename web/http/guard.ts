/** Which requests are served: our Host, a short address, GET or HEAD (docs/faults.md 33 to 36). */
import { hostname } from "node:os";
import type { MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { REQUEST_BYTES_MAX } from "../../scripts/base/limits.ts";
import { Problem } from "./problem.ts";

/**
 * No eval, no other host, and inline only the one script and the styles that have these hashes.
 * style-src allows the DOM calls of htmx and uPlot.
 */
export function headers(hashes: () => { style: string; script: string }): MiddlewareHandler {
  return secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'", () => hashes().script],
      workerSrc: ["'self'"],
      styleSrc: ["'self'", () => hashes().style],
      imgSrc: ["'self'", "data:"],
      connectSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
    xFrameOptions: "DENY",
    strictTransportSecurity: false,
  });
}

/** Names and addresses that always mean the machine that asks: never another site's. */
const LOOPBACK = /^(localhost|[\w.-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Refuses a Host that isn't ours with 421 (DNS rebinding). `host` is what the server listens on: for
 * 0.0.0.0 and :: every IP address is ours, and this machine's name; `allowed` are names besides. The
 * port may be any: `docker -p` and `ssh -L` show this one as another.
 */
export function ownHost(host: string, allowed: readonly string[] = []): MiddlewareHandler {
  const everywhere = host === "0.0.0.0" || host === "::";
  const own = [host, ...(everywhere ? [hostname()] : []), ...allowed];
  const names = new Set(own.map((name) => (name.includes(":") ? `[${name}]` : name).toLowerCase()));
  for (const any of ["0.0.0.0", "[::]"]) if (!allowed.includes(any)) names.delete(any);
  return async (c, next) => {
    const sent = c.req.header("host") ?? "";
    // An address with a number or a port that is too large makes no URL, and Bun's request has none.
    const isHost = URL.canParse(`http://${sent}`);
    const match = isHost ? /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(sent) : null;
    const name = match?.[1]?.toLowerCase() ?? "";
    const isAddress = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/.test(name) && !/^(0\.0\.0\.0|\[::\])$/.test(name);
    if (!(LOOPBACK.test(name) || names.has(name) || (everywhere && isAddress))) {
      const say = `This server does not answer for the host name ${name ? `"${name.slice(0, 100)}"` : "that was sent"}.`;
      const hint = name
        ? `Open the address that serve printed, or start it with --allow-host ${name.slice(0, 100)}.`
        : "";
      throw new Problem(421, "HOST", say, hint);
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
