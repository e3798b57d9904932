/** A refusal of the server: its status, code and sentence. */
import { sentence, TidemarkError } from "../../scripts/base/errors.ts";
import { BusyError } from "../model/turns.ts";

type ProblemStatus = 400 | 404 | 405 | 414 | 421 | 500 | 503;

/** `message` states what was wrong, `hint` what to do; docs/errors.md lists the codes. */
export class Problem extends Error {
  constructor(
    readonly status: ProblemStatus,
    readonly code: string,
    message: string,
    readonly hint = "",
    /** Headers of the answer besides the usual ones. */
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }
}

/** Any error as a refusal: 400 for a wrong value, 503 for unreadable data, 500 for a fault of ours. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof BusyError) return new Problem(503, "BUSY", error.message, error.hint, { "Retry-After": "1" });
  if (error instanceof TidemarkError)
    return new Problem(error.code === "USAGE" ? 400 : 503, error.code, error.message, error.hint);
  return new Problem(500, "INTERNAL", sentence(error), "Start serve with --verbose: its log then has the stack trace.");
}
