/** Every refusal of the server in one shape: `{ error: { code, message, hint } }`, and the same sentence on a page. */
import type { Context } from "hono";
import { sentence, TidemarkError } from "../../scripts/base/errors.ts";

export type ProblemStatus = 400 | 403 | 404 | 405 | 408 | 413 | 414 | 421 | 500 | 503;

/** A refusal with its status; `message` is a sentence about what was wrong. */
export class Problem extends Error {
  constructor(
    readonly status: ProblemStatus,
    readonly code: string,
    message: string,
    readonly hint = "",
  ) {
    super(message);
  }
}

export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof TidemarkError)
    return new Problem(error.code === "USAGE" ? 400 : 503, error.code, error.message, error.hint);
  return new Problem(500, "INTERNAL", sentence(error), "The program's log has more with --verbose.");
}

export function answerProblem(c: Context, { status, code, message, hint }: Problem): Response {
  return c.json({ error: { code, message, hint } }, status, { "Cache-Control": "no-store" });
}
