/** How `start` takes a data directory for itself, and what it leaves there for a second `start`. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeAtomically } from "../base/atomic-file.ts";
import { claimKind, type DataPaths, dataPaths, openDataDir } from "../base/data-dir.ts";
import { TidemarkError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { pause } from "../base/wait.ts";
import type { CommandContext } from "../command/cli.ts";
import { lockStage } from "../command/stage-lock.ts";

/** Between two tries on a full disk. */
const FULL_RETRY_MS = 1_000;

/** Opens the data directory for this `start` alone, and notes what feeds it. Returns also the release. */
export function claim(dir: string, kind: "live" | "replay", logger: Logger): [DataPaths, () => void] {
  const paths = openDataDir(dir, logger);
  const release = lockAsOnly(paths);
  try {
    claimKind(paths, kind);
    return [paths, release];
  } catch (error) {
    release();
    throw error;
  }
}

/** Does the work. While the disk is full it waits, logs that once, and tries again. */
export async function withRoom<T>({ logger, signal }: CommandContext, work: () => T): Promise<T> {
  for (let waited = false; ; waited = true) {
    try {
      return work();
    } catch (error) {
      const isWorthIt = error instanceof TidemarkError && error.code === "DISK_FULL" && !signal.aborted;
      if (!isWorthIt) throw error;
      if (!waited) logger.warn(`start waits and tries again: ${error.message} ${error.hint}`);
      await pause(FULL_RETRY_MS, signal);
    }
  }
}

/**
 * Writes the page's address for a second `start`, and for the page the command that plays the
 * recording `again` ("": live). Both can do without it.
 */
export function noteAddress(paths: DataPaths, url: string, again: string): void {
  try {
    writeAtomically(paths.address, `${url}\n${again}\n`, { isDurable: false });
  } catch {
    // The stages report a full disk.
  }
}

/** The refusal of a second `start` on `dir` or its replay; null when none runs there. Creates nothing. */
export function startedBefore(dir: string): TidemarkError | null {
  for (const paths of [dataPaths(dir), dataPaths(join(dir, "replay"))]) {
    if (!existsSync(paths.address)) continue;
    try {
      lockAsOnly(paths)();
    } catch (error) {
      if (error instanceof TidemarkError && error.code === "STAGE_BUSY") return error;
    }
  }
  return null;
}

/** The lock of this command; the error for a second `start` names the page of the first. */
function lockAsOnly(paths: DataPaths): () => void {
  try {
    return lockStage(paths, "start");
  } catch (error) {
    if (!(error instanceof TidemarkError) || !existsSync(paths.address)) throw error;
    const page = readFileSync(paths.address, "utf8").split("\n")[0];
    throw new TidemarkError(error.code, `${error.message} Its page is at ${page}.`, error.hint);
  }
}
