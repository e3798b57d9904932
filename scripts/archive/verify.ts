/** Checks that the archive's files are as they were written: by size, and by checksum. */
import { closeSync, lstatSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { sentence, systemCode, TidemarkError } from "../base/errors.ts";
import { CHECKSUM_READ_BYTES } from "../base/limits.ts";
import { allFiles, mapFiles } from "./manifest.ts";
import type { Manifest, PartFile } from "./manifest-schema.ts";

/**
 * `changed`: checksums of files whose size, time or inode differ since the last comparison. `all`: of
 * all.
 */
type Depth = "changed" | "all";

/** Whether ticks.db was pruned, so that only the archive has those rows; null where that isn't known. */
type Pruned = boolean | null;

/**
 * The manifest with its files' present identities. Throws STORE_CORRUPT, with the file and what to do,
 * if one is missing or has another length or checksum.
 */
export function verifyArchive(archive: string, manifest: Manifest, depth: Depth, pruned: Pruned): Manifest {
  return mapFiles(manifest, (file) => ({ ...file, seen: verifyFile(archive, file, depth, pruned) }));
}

/** Compares one file; returns its identity. */
export function verifyFile(archive: string, file: PartFile, depth: Depth, pruned: Pruned): string {
  const found = damageOf(archive, file, depth);
  if (found.damage === null) return found.seen;
  throw new TidemarkError("STORE_CORRUPT", `${join(archive, file.path)} ${found.damage}.`, repair(file.path, pruned));
}

/** What is wrong with each damaged file, as far as it was read; nothing is thrown. */
export function damages(archive: string, manifest: Manifest, depth: Depth): { path: string; damage: string }[] {
  return allFiles(manifest).flatMap((file) => {
    const { damage } = damageOf(archive, file, depth);
    return damage === null ? [] : [{ path: file.path, damage }];
  });
}

/** What to do about a damaged file of the archive. */
export function repair(path: string, pruned: Pruned): string {
  const [folder] = path.split("/");
  if (folder === "snapshot") return "Run `bun run batch`: it writes this file again from ticks.db and windows.db.";
  if (folder === "minutes")
    return "Remove the folder archive/minutes: the next batch computes it again from the ticks of the archive.";
  if (folder !== "ticks") return `Remove the folder archive/${folder}: the next batch reads it again from its store.`;
  const rebuild = "read the log again from its start with `bun run consume --rebuild`, then run `bun run batch`";
  if (pruned === false) return "Move the archive folder away: the next batch builds it again from ticks.db.";
  if (pruned === true) return `Its ticks were pruned from ticks.db: put a copy of this file back, or ${rebuild}.`;
  return `Put a copy of this file back, or ${rebuild}. If ticks.db was never pruned, it is enough to move the archive folder away before the batch.`;
}

function damageOf(archive: string, file: PartFile, depth: Depth): { damage: string | null; seen: string } {
  const path = join(archive, file.path);
  try {
    const seen = identity(path);
    if (seen === null) return { damage: isLink(path) ? "is a link that leads nowhere" : "is missing", seen: "" };
    const bytes = Number(seen.split(" ")[0]);
    if (bytes !== file.bytes) return { damage: `has ${bytes} bytes instead of ${file.bytes}`, seen };
    // An archive of the first layout has no checksums (manifest-v1.ts).
    if (file.checksum === "" || (depth === "changed" && seen === file.seen)) return { damage: null, seen };
    const same = checksumOf(path) === file.checksum;
    return { damage: same ? null : "is not what was written: its checksum differs", seen };
  } catch (error) {
    return { damage: `cannot be read (${sentence(error)})`, seen: "" };
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

/**
 * Size, time in nanoseconds and inode: while they are equal, the file was not written. Null without a
 * file.
 */
export function identity(path: string): string | null {
  try {
    const { size, mtimeNs, ino } = statSync(path, { bigint: true });
    return `${size} ${mtimeNs} ${ino}`;
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(systemCode(error))) return null;
    throw error;
  }
}

/** SHA-256 of a file, hexadecimal: 1.5 GB/s, and anyone can compare it with `sha256sum`. */
export function checksumOf(path: string): string {
  const hasher = new Bun.CryptoHasher("sha256");
  const buffer = new Uint8Array(CHECKSUM_READ_BYTES);
  const file = openSync(path, "r");
  try {
    for (;;) {
      const count = readSync(file, buffer);
      if (count === 0) return hasher.digest("hex");
      hasher.update(buffer.subarray(0, count));
    }
  } finally {
    closeSync(file);
  }
}
