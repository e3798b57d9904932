/** Temporary folders that a killed process left behind. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { lives } from "./stage-lock.ts";

/** Removes temporary folders, named by `prefix` and a pid, of processes that were killed. */
export function removeAbandoned(parent: string, prefix: string): void {
  for (const entry of readdirSync(parent, { withFileTypes: true })) {
    if (!entry.isDirectory() || !entry.name.startsWith(prefix)) continue;
    const pid = /^\d+/.exec(entry.name.slice(prefix.length))?.[0];
    if (pid !== undefined && !lives(pid)) rmSync(join(parent, entry.name), { recursive: true, force: true });
  }
}
