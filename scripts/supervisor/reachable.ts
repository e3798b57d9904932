/** Whether the live feed answers, for the choice between it and the recording. */

import { TidemarkError } from "../base/errors.ts";
import { FEED_FIRST_CONNECT_MS } from "../base/limits.ts";
import { untilAborted } from "../base/wait.ts";
import type { CommandContext } from "../command/cli.ts";
import { feedSocket } from "../feed/index.ts";

/** The feed's URL when it answers in time; otherwise null, after one log line. */
export async function reachable(url: string, { logger, signal }: CommandContext): Promise<string | null> {
  logger.info(`trying ${url}`);
  const answer = Promise.withResolvers<string | null>();
  const socket = feedSocket(url);
  const timer = setTimeout(
    () => answer.resolve(`no answer within ${FEED_FIRST_CONNECT_MS / 1000} s`),
    FEED_FIRST_CONNECT_MS,
  );
  void untilAborted(signal).then(() => answer.resolve("stopped"));
  socket.onopen = () => answer.resolve(null);
  socket.onerror = () => answer.resolve("it can't be connected to");
  socket.onclose = () => answer.resolve("it closed the connection");
  const why = await answer.promise;
  clearTimeout(timer);
  socket.close();
  if (why === null) return url;
  if (signal.aborted) throw new TidemarkError("FEED_UNREACHABLE", "Stopped before the feed answered.");
  logger.warn(`The live feed ${url} can't be reached (${why}): playing the bundled recording of 2023-09-05 as REPLAY.`);
  return null;
}
