/** Whether the live feed answers, for the choice between it and the recording. */

import { monotonicMs } from "../base/clock.ts";
import { TidemarkError } from "../base/errors.ts";
import { FEED_FIRST_CONNECT_MS } from "../base/limits.ts";
import { onAbort, pause } from "../base/wait.ts";
import type { CommandContext } from "../command/cli.ts";
import { feedSocket } from "../feed/index.ts";

/** Between two tries on a feed that refuses the connection. */
const REFUSED_RETRY_MS = 250;
const REFUSED = "it refuses the connection";

/**
 * The feed's URL when it answers in time; otherwise null, after one log line. A feed that refuses may
 * be about to start, as a simulator does: it is tried until the time is over.
 */
export async function reachable(
  url: string,
  { logger, signal }: Pick<CommandContext, "logger" | "signal">,
  socketTo = feedSocket,
): Promise<string | null> {
  logger.info(`trying ${url}`);
  const until_ms = monotonicMs() + FEED_FIRST_CONNECT_MS;
  let why = await tried(socketTo(url), FEED_FIRST_CONNECT_MS, signal);
  while (why === REFUSED && !signal.aborted && monotonicMs() < until_ms) {
    await pause(REFUSED_RETRY_MS, signal);
    why = await tried(socketTo(url), Math.max(REFUSED_RETRY_MS, until_ms - monotonicMs()), signal);
  }
  if (why === null) return url;
  if (signal.aborted) throw new TidemarkError("FEED_UNREACHABLE", "Stopped before the feed answered.");
  logger.warn(`The live feed ${url} can't be reached (${why}): playing the bundled recording of 2023-09-05 as REPLAY.`);
  return null;
}

/** Null when it opens, otherwise why not. */
async function tried(socket: WebSocket, within_ms: number, signal: AbortSignal): Promise<string | null> {
  const answer = Promise.withResolvers<string | null>();
  const timer = setTimeout(() => answer.resolve(`no answer within ${FEED_FIRST_CONNECT_MS / 1000} s`), within_ms);
  const forget = onAbort(signal, () => answer.resolve("stopped"));
  socket.onopen = () => answer.resolve(null);
  socket.onerror = (event) => answer.resolve(isRefusal(event) ? REFUSED : "it can't be connected to");
  socket.onclose = () => answer.resolve("it closed the connection");
  const why = await answer.promise;
  clearTimeout(timer);
  forget();
  socket.close();
  return why;
}

/** Bun's error event has the system's error. */
function isRefusal(event: Event): boolean {
  return (event as ErrorEvent).error?.code === "ECONNREFUSED";
}
