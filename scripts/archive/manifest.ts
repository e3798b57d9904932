/** Reads and commits the archive's manifest; renaming it into its path is the commit. */
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { writeAtomically } from "../base/atomic-file.ts";
import { sentence, systemCode, TidemarkError } from "../base/errors.ts";
import { syncWal } from "../base/wal.ts";
import { type Manifest, manifestSchema, type PartFile, type TickSums } from "./manifest-schema.ts";
import { readV1 } from "./manifest-v1.ts";

export const MANIFEST = "manifest.json";
/** A program of version 2 would compare the windows of history, of which it knows nothing. */
const VERSION = 3;

/**
 * The manifest, or null when nothing was collected yet. Throws STORE_CORRUPT when it can't be read or
 * isn't as it was written, SCHEMA_NEWER when a newer Tidemark wrote it.
 */
export function readManifest(archive: string): Manifest | null {
  const path = join(archive, MANIFEST);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error))) return null;
    throw damaged(path, error);
  }
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw damaged(path, error);
  }
  const version = Number(value?.version);
  if (Number.isInteger(version) && version > VERSION) {
    throw new TidemarkError(
      "SCHEMA_NEWER",
      `${path} was written by a newer Tidemark (version ${version}, this one knows ${VERSION}).`,
      "Use that Tidemark, or another data directory.",
    );
  }
  try {
    if (version === 1) return readV1(archive, value);
    const { checksum, ...rest } = value;
    if (checksum !== checksumOfManifest(rest)) throw new Error("its checksum differs");
    return { ...manifestSchema.parse(rest), version: VERSION };
  } catch (error) {
    throw damaged(path, error);
  }
}

function damaged(path: string, cause: unknown): TidemarkError {
  const why = cause instanceof z.ZodError || cause instanceof SyntaxError ? "" : ` (${sentence(cause)})`;
  return new TidemarkError(
    "STORE_CORRUPT",
    `${path} is damaged${why}.`,
    "Move the archive folder away: the next batch builds it again from ticks.db. If ticks.db was pruned, run `bun run consume --rebuild` first.",
    { cause },
  );
}

/**
 * The manifest of a new archive of the ticks.db that was created then, under the rules of that
 * version.
 */
export function emptyManifest(store_created: string, rules: number): Manifest {
  const counts = { sequence: 0, v1_sequence: 0, collected_to: 0, collected_us: 0, checked_day: 0 };
  const files = { files: [], minutes: [], changes: {}, snapshot: "", snapshot_files: {} };
  return { version: VERSION, rules, store_created, ...counts, ...files };
}

/**
 * Commits: from here on the archive is the files of `manifest`. The embedded log and then the stores
 * are synced before: the archive must hold nothing that they could still lose
 * (docs/decisions/0085-seen-before-synced.md).
 */
export function writeManifest(archive: string, manifest: Manifest): void {
  for (const name of ["log.db", "ticks.db", "windows.db"]) syncWal(join(dirname(archive), name));
  const checksum = checksumOfManifest(manifest);
  mkdirSync(archive, { recursive: true });
  writeAtomically(join(archive, MANIFEST), `${JSON.stringify({ ...manifest, checksum })}\n`);
}

function checksumOfManifest(manifest: Record<string, unknown>): string {
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(manifest)).digest("hex");
}

/** Every file that the manifest names, in the order in which they are to be checked. */
export function allFiles({ files, minutes, changes, snapshot_files }: Manifest): PartFile[] {
  const changed = Object.values(changes).flatMap((collected) => collected.files);
  return [...files, ...minutes, ...changed, ...Object.values(snapshot_files)];
}

/** Every file of the manifest through `change`. */
export function mapFiles(manifest: Manifest, change: <T extends PartFile>(file: T) => T): Manifest {
  const { changes, snapshot_files } = manifest;
  return {
    ...manifest,
    files: manifest.files.map(change),
    minutes: manifest.minutes.map(change),
    changes: mapValues(changes, (one) => ({ ...one, files: one.files.map(change) })),
    snapshot_files: mapValues(snapshot_files, change),
  };
}

function mapValues<T>(record: Record<string, T>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

/** Bytes of all its files. */
export function archiveBytes(manifest: Manifest): number {
  return allFiles(manifest).reduce((sum, file) => sum + file.bytes, 0);
}

/** Sum of the sums of several files. */
export function addSums(all: readonly TickSums[]): TickSums {
  const total = (name: keyof TickSums) => String(all.reduce((sum, one) => sum + BigInt(one[name]), 0n));
  return { price: total("price"), size: total("size"), trade_ids: total("trade_ids"), times: total("times") };
}
