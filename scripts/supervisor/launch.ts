/** How `start` begins: checks, live feed or recording, the claim on the data directory. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { dataPaths, readKind } from "../base/data-dir.ts";
import { requireFreePort } from "../base/port.ts";
import type { CommandContext } from "../command/cli.ts";
import { isReplay } from "../command/feed-flags.ts";
import { checkLogUrl } from "../log/index.ts";
import { readRecording } from "../simulator/recording.ts";
import { claim, startedBefore, withRoom } from "./claim.ts";
import { recordingOf, type StartOptions, supervise } from "./path.ts";
import { reachable } from "./reachable.ts";

/**
 * Runs all stages until the signal. Fails before the first child for what can be known then, and with
 * CHILD_FAILED when a child is given up.
 */
export async function launch(options: StartOptions, context: CommandContext): Promise<void> {
  const { logger } = context;
  checkLogUrl(options.log);
  requirePort(options);
  if (options.replay) await readRecording(recordingOf(options), logger);
  const feed = options.replay ? null : await reachable(options.feed, context);
  const replay = feed === null || isReplay(feed);
  const dir = replay ? replayDir(options.data) : options.data;
  const [paths, release] = await withRoom(context, () => claim(dir, replay ? "replay" : "live", logger));
  try {
    if (replay) logger.info(`the replay is stored in ${paths.root}: use --data ${paths.root} with other commands`);
    await supervise(options, paths, feed, context);
  } finally {
    rmSync(paths.address, { force: true });
    release();
  }
}

/** Where a recording is played to; the directory of an earlier replay is continued itself. */
function replayDir(data: string): string {
  return readKind(dataPaths(data)) === "replay" ? data : join(data, "replay");
}

/** Fails if the port is not free; the error has the page's address if a `start` on this data runs. */
function requirePort({ host, port, data }: StartOptions): void {
  try {
    requireFreePort(host, port);
  } catch (error) {
    throw startedBefore(data) ?? error;
  }
}
