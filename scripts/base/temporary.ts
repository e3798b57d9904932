/** Temporary folders: made for one export, and removed when the process that made them was killed. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sentence, TidemarkError } from "./errors.ts";
import { lives } from "./process.ts";
import { spaceError } from "./sqlite.ts";

/** Makes a folder named by `prefix` and this process's pid where the machine keeps temporary files. Fails with DATA_DIR. */
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

/** Removes folders, named by `prefix` and a pid, of processes that were killed; none where the parent can't be listed. */
export function removeAbandoned(parent: string, prefix: string): void {
  for (const entry of listed(parent)) {
    if (!entry.isDirectory() || !entry.name.startsWith(prefix)) continue;
    const pid = /^\d+/.exec(entry.name.slice(prefix.length))?.[0];
    if (pid !== undefined && !lives(pid)) rmSync(join(parent, entry.name), { recursive: true, force: true });
  }
}

/** What a folder holds; nothing where it is missing, or has no right to be listed, as a shared folder for files only may. */
function listed(parent: string) {
  try {
    return readdirSync(parent, { withFileTypes: true });
  } catch {
    return [];
  }
}
