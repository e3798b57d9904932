/** Who may ask: the Host must be one of ours (DNS rebinding), addresses are short, and every answer carries the security headers (faults.md 33–36). */
import { hostname } from "node:os";
import type { MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { REQUEST_BYTES_MAX } from "../../scripts/base/limits.ts";
import { answerProblem, Problem } from "./problem.ts";

/** No inline script, no eval, nothing from elsewhere. htmx and uPlot set styles through the DOM, which style-src allows. */
export const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
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

/** Refuses a Host that isn't ours with 421. `host` is what the server listens on; any address of it means any IP address or this machine's name. */
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
      return answerProblem(
        c,
        new Problem(
          421,
          "HOST",
          "This server does not answer for that host name.",
          "Open the address that `serve` printed.",
        ),
      );
    }
    if (c.req.url.length > REQUEST_BYTES_MAX)
      return answerProblem(c, new Problem(414, "USAGE", "The address is too long."));
    await next();
  };
}

/** Only reading: everything else is 405. */
export const readOnly: MiddlewareHandler = async (c, next) => {
  if (c.req.method !== "GET" && c.req.method !== "HEAD") {
    const problem = answerProblem(
      c,
      new Problem(405, "USAGE", `${c.req.method} is not allowed: everything here is only read.`),
    );
    problem.headers.set("Allow", "GET, HEAD");
    return problem;
  }
  await next();
};
