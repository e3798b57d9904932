/** Whether the archive's files are as they were written: each file's checksum once a change and once a day, its size at each use. */
import { closeSync, lstatSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { sentence, systemCode, TidemarkError } from "../base/errors.ts";
import { CHECKSUM_READ_BYTES } from "../base/limits.ts";
import { allFiles, type Manifest, mapFiles, type PartFile } from "./manifest.ts";

/** `changed`: checksums only of files whose size, time or inode differ from when they were last compared. `all`: of every file. */
export type Depth = "changed" | "all";

/** Whether ticks.db has lost rows that only the archive has; null where that isn't known. It decides what to do about damage. */
export type Pruned = boolean | null;

/**
 * The manifest with what is now known of its files. Fails with STORE_CORRUPT, which names the file and what to do, when one is missing, has
 * another length, or has another checksum.
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

/** Size, time in nanoseconds and inode: a file for which they are the same was not written to. Null when there is no file. */
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
