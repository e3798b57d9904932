/** The archive's manifest: which Parquet files count, what each holds, and how far ticks.db has been collected. Renaming it is the commit. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeAtomically } from "../base/atomic-file.ts";
import { sentence, systemCode, TidemarkError } from "../base/errors.ts";
import { readV1 } from "./manifest-v1.ts";

/** A file as it was written; `seen` is its identity (verify.ts) when its checksum was last compared. */
const partFile = z.object({
  /** Relative to the archive, with forward slashes. */
  path: z.string(),
  rows: z.number(),
  bytes: z.number(),
  /** SHA-256 of the file, as `sha256sum` prints it. */
  checksum: z.string(),
  seen: z.string(),
});
const sums = z.object({
  /** Sum of the prices, in units of 1e-10. */
  price: z.string(),
  /** Sum of the sizes, in units of 1e-8. */
  size: z.string(),
  /** Sums of trade_id and of time_us, each modulo SUM_MODULUS (limits.ts). */
  trade_ids: z.string(),
  times: z.string(),
});
const tickFile = partFile.extend({
  /** The file's rows are all rows of ticks.db with an insert_id between these two. */
  first_insert_id: z.number(),
  last_insert_id: z.number(),
  sums,
  max_time_us: z.number(),
  /** False: from an archive without checksums, and its rows were pruned before they could be compared with ticks.db. */
  verified: z.boolean(),
});
/**
 * Rows of the SQLite file that was made at `created`: all of `whole_day` (days since 1970, UTC), later ones by change number up to
 * `changed_to`. The newest of a key counts (changes.ts).
 */
const collectedChanges = z.object({
  created: z.string(),
  whole_day: z.number(),
  changed_to: z.number(),
  mark: z.string(),
  files: z.array(partFile),
});
const manifestSchema = z.object({
  /** 1 only in memory: an archive of the first layout that no batch has converted yet (manifest-v1.ts). */
  version: z.union([z.literal(1), z.literal(2)]),
  /** Version of the rules by which consume read the ticks (limits.ts RULES_VERSION). */
  rules: z.number(),
  /** Counts commits: names of new files carry it, so that they never meet an old one. */
  sequence: z.number(),
  /** The last commit in the first layout; 0 in an archive that never had it. */
  v1_sequence: z.number(),
  /** Every row of ticks.db with an insert_id up to this is in `files`. */
  collected_to: z.number(),
  /** `created` of ticks.db's settings: another ticks.db numbers its rows from 1 again. */
  store_created: z.string(),
  collected_us: z.number(),
  /** The day (days since 1970, UTC) on which the checksum of every file was last compared. */
  checked_day: z.number(),
  /** In order of insert_id, without a gap between two files. */
  files: z.array(tickFile),
  /** Files of the rollup: together the sums of every tick in `files` (rollup.ts). */
  minutes: z.array(partFile),
  /** Of each table in CHANGING (columns.ts) what was collected. */
  changes: z.record(z.string(), collectedChanges),
  /** The folder with the newest copy of what is copied whole, "" before the first; and its files by table. */
  snapshot: z.string(),
  snapshot_files: z.record(z.string(), partFile),
});

export type TickFile = z.infer<typeof tickFile>;
export type TickSums = z.infer<typeof sums>;
export type PartFile = z.infer<typeof partFile>;
export type CollectedChanges = z.infer<typeof collectedChanges>;
export type Manifest = z.infer<typeof manifestSchema>;

export const MANIFEST = "manifest.json";
const VERSION = 2;

/**
 * The manifest, or null when nothing was collected yet. Fails with STORE_CORRUPT when it can't be read or isn't as it was written, and
 * with SCHEMA_NEWER when a newer Tidemark wrote it.
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
    return manifestSchema.parse(rest);
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

export function emptyManifest(store_created: string, rules: number): Manifest {
  const counts = { sequence: 0, v1_sequence: 0, collected_to: 0, collected_us: 0, checked_day: 0 };
  const files = { files: [], minutes: [], changes: {}, snapshot: "", snapshot_files: {} };
  return { version: VERSION, rules, store_created, ...counts, ...files };
}

/** Commits: from here on the archive is what `manifest` says. */
export function writeManifest(archive: string, manifest: Manifest): void {
  const checksum = checksumOfManifest(manifest);
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

export function archiveBytes(manifest: Manifest): number {
  return allFiles(manifest).reduce((sum, file) => sum + file.bytes, 0);
}

/** Sum of the sums of several files. */
export function addSums(all: readonly TickSums[]): TickSums {
  const total = (name: keyof TickSums) => String(all.reduce((sum, one) => sum + BigInt(one[name]), 0n));
  return { price: total("price"), size: total("size"), trade_ids: total("trade_ids"), times: total("times") };
}
