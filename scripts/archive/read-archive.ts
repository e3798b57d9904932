/** Reads a committed state of the archive while a batch may replace files, and judges it for doctor. */
import { join } from "node:path";
import { sentence } from "../base/errors.ts";
import { ARCHIVE_READ_TRIES_MAX } from "../base/limits.ts";
import { plural } from "../base/printable.ts";
import { readManifest } from "./manifest.ts";
import type { Manifest } from "./manifest-schema.ts";
import { foreignEntries, whereStaged } from "./own-files.ts";
import { damages, repair, verifyArchive } from "./verify.ts";

/**
 * Runs `read` over the committed state, after comparing checksums of touched files; null without an
 * archive. If `read` fails because a batch replaced files meanwhile, it runs again over the new state.
 */
export async function readArchive<T>(archive: string, read: (manifest: Manifest) => Promise<T>): Promise<T | null> {
  for (let tries = 1; ; tries++) {
    const manifest = readManifest(archive);
    if (manifest === null) return null;
    const staged = whereStaged(archive, manifest);
    try {
      return await read(verifyArchive(archive, staged, "changed", null));
    } catch (error) {
      const isSame =
        readManifest(archive)?.sequence === manifest.sequence &&
        whereStaged(archive, manifest).files[0]?.path === staged.files[0]?.path;
      if (isSame || tries >= ARCHIVE_READ_TRIES_MAX) throw error;
    }
  }
}

/** What doctor reports of an archive; if not `ok`, `advice` is what to do. */
interface ArchiveState {
  found: string;
  ok: boolean;
  advice: string;
}

/** Null without an archive. `deep`: compares the checksum of every file, not only of touched ones. */
export function archiveState(archive: string, deep: boolean): ArchiveState | null {
  try {
    const manifest = readManifest(archive);
    if (manifest === null) return null;
    const staged = whereStaged(archive, manifest);
    const [damage, ...more] = damages(archive, staged, deep ? "all" : "changed");
    if (damage) {
      const others = more.length === 0 ? "" : `, and ${plural(more.length, "more file")}`;
      const found = `${join(archive, damage.path)} ${damage.damage}${others}`;
      return { found, ok: false, advice: repair(damage.path, null) };
    }
    return undamagedState(archive, manifest, deep);
  } catch (error) {
    const advice = error instanceof Error && "hint" in error ? String(error.hint) : "";
    return { found: sentence(error), ok: false, advice };
  }
}

function undamagedState(archive: string, manifest: Manifest, deep: boolean): ArchiveState {
  const { files } = manifest;
  const count = (all: typeof files) => all.reduce((sum, { rows }) => sum + rows, 0);
  const found = [`${plural(count(files), "tick")} in ${plural(files.length, "file")}`];
  if (manifest.version === 1) {
    const advice = "Run `bun run batch`: it converts the archive and compares it with ticks.db.";
    return { found: `${found[0]}, without checksums (an older Tidemark wrote it)`, ok: false, advice };
  }
  if (deep) found.push("every checksum is right");
  const unverified = files.filter((file) => !file.verified);
  if (unverified.length > 0)
    found.push(`${count(unverified)} of them were pruned before there were checksums, and were never verified`);
  const foreign = foreignEntries(archive, manifest);
  const advice = `Move away what is not Tidemark's: other programs that read the whole folder would read it too.`;
  if (foreign.length > 0)
    found.push(`not Tidemark's: ${foreign.slice(0, 3).join(", ")}${foreign.length > 3 ? " …" : ""}`);
  return { found: found.join(", "), ok: foreign.length === 0, advice };
}
