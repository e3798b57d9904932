/** A refusal as an answer: JSON for programs, a page with the same sentence for a browser. */
import type { Context } from "hono";
import { printableLines } from "../../scripts/base/printable.ts";
import type { Problem } from "../http/problem.ts";
import type { StaticFiles } from "../pages/layout.tsx";
import { ProblemPage } from "../pages/problem-page.tsx";

/** Paths whose refusals are JSON for every client. */
const FOR_PROGRAMS = /^\/(api|static)\/|^\/(events|healthz|metrics|openapi\.json)$/;

/** `{ error: { code, message, hint } }`, or HTML when a browser asks for a page or a download. */
export function answerProblem(c: Context, problem: Problem, assets: StaticFiles): Response {
  const { status, code, message, hint } = problem;
  const headers = { ...problem.headers, "Cache-Control": "no-store" };
  if (FOR_PROGRAMS.test(c.req.path) || !/\btext\/html\b/.test(c.req.header("accept") ?? ""))
    return c.json({ error: { code, message, hint } }, status, headers);
  const page = ProblemPage({ title: `${status} ${code}`, message, hint, assets });
  return c.html(printableLines(`<!doctype html>${page}`), status, headers);
}
