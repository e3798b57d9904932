/** Answers that wait or stream have limits of their own, not Bun's 10 s without a byte. */
import type { Context } from "hono";
import { getBunServer } from "hono/bun";

/**
 * Lifts Bun's limit from this request. Its handler ends it when neither bytes nor work progress.
 * The connection ends with the answer, because Bun 1.4.5 would keep it open without a limit.
 */
export function unhurried(c: Context): void {
  getBunServer<Bun.Server<unknown>>(c)?.timeout(c.req.raw, 0);
  c.header("Connection", "close");
}
