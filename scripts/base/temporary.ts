/** Temporary folders for exports; those of processes that were killed are removed later. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sentence, TidemarkError } from "./errors.ts";
import { lives } from "./process.ts";
import { spaceError } from "./sqlite.ts";

/** Creates a folder named by `prefix` and this process's pid for temporary files. Fails with DATA_DIR. */
export function temporaryFolder(prefix: string): string {
  const parent = tmpdir();
  try {
    return mkdtempSync(join(parent, `${prefix}${process.pid}-`));
  } catch (error) {
    const full = spaceError(error, parent);
    if (full !== error) throw full;
    throw new TidemarkError(
      "DATA_DIR",
      `The folder for temporary files, ${parent}, can't be written: ${sentence(error)}.`,
      "Set TMPDIR to a folder that can be written.",
    );
  }
}

/** Removes the temporary folders of processes that were killed. */
export function removeAbandonedTemporary(prefix: string): void {
  removeAbandoned(tmpdir(), prefix);
}

/** The same for folders in `parent`; none when it can't be listed. */
export function removeAbandoned(parent: string, prefix: string): void {
  for (const entry of listed(parent)) {
    if (!entry.isDirectory() || !entry.name.startsWith(prefix)) continue;
    const pid = /^\d+/.exec(entry.name.slice(prefix.length))?.[0];
    if (pid !== undefined && !lives(pid)) rmSync(join(parent, entry.name), { recursive: true, force: true });
  }
}

/** The entries of a folder; none when it is missing or can't be listed. */
function listed(parent: string) {
  try {
    return readdirSync(parent, { withFileTypes: true });
  } catch {
    return [];
  }
}
