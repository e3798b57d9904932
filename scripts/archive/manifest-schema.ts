/** The types of the archive's manifest, of both layouts, as zod schemas. */
import { z } from "zod";

/** What both layouts note of a file. */
const file = z.object({
  /** Relative to the archive, with forward slashes. */
  path: z.string(),
  rows: z.number(),
});

/** A file as it was written. */
const partFile = file.extend({
  bytes: z.number(),
  /** SHA-256 of the file, as `sha256sum` prints it. */
  checksum: z.string(),
  /** Its identity (verify.ts) when its checksum was last compared. */
  seen: z.string(),
});

const sums = z.object({
  /** Sum of the prices, in units of 1e-10. */
  price: z.string(),
  /** Sum of the sizes, in units of 1e-8. */
  size: z.string(),
  /** Sums of trade_id and of time_us, each modulo SUM_MODULUS (base/limits.ts). */
  trade_ids: z.string(),
  times: z.string(),
});

const tickFile = partFile.extend({
  /** The file's rows are all rows of ticks.db with an insert_id between these two. */
  first_insert_id: z.number(),
  last_insert_id: z.number(),
  sums,
  max_time_us: z.number(),
  /** False: from an archive without checksums, and pruned before it could be compared with ticks.db. */
  verified: z.boolean(),
});

/** Collected rows of a table that changes (changes.ts); the newest of a key counts. */
const collectedFrom = <F extends z.ZodType>(files: F) =>
  z.object({
    /** Of the SQLite file that was created then. */
    created: z.string(),
    /** All rows as of this day (days since 1970, UTC), later ones by change number. */
    whole_day: z.number(),
    /** The last collected change number. */
    changed_to: z.number(),
    mark: z.string(),
    files: z.array(files),
  });
const collectedChanges = collectedFrom(partFile);

/** The whole manifest, without its checksum. */
export const manifestSchema = z.object({
  /**
   * 1 only in memory: an archive of the first layout that no batch has converted yet (manifest-v1.ts).
   * 2 only in the file: the same form as 3, by a program that does not know history.
   */
  version: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  /** The rules by which consume read the ticks (RULES_VERSION in base/limits.ts). */
  rules: z.number(),
  /** Counts commits; it is part of new files' names, so that they never equal an old one. */
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
  /** What was collected of each table in CHANGING (columns.ts). */
  changes: z.record(z.string(), collectedChanges),
  /** The folder with the newest copy of what is copied whole, "" before the first. */
  snapshot: z.string(),
  /** Its files by table. */
  snapshot_files: z.record(z.string(), partFile),
});

/** The manifest of the first layout. */
export const manifestV1Schema = z.object({
  version: z.literal(1),
  sequence: z.number(),
  collected_to: z.number(),
  store_created: z.string(),
  collected_us: z.number(),
  files: z.array(file.extend({ bytes: z.number(), max_time_us: z.number() })),
  minutes: z.array(file).optional(),
  changes: z.record(z.string(), collectedFrom(file)).optional(),
  snapshot: z.string(),
});

export type TickFile = z.infer<typeof tickFile>;
export type TickSums = z.infer<typeof sums>;
export type PartFile = z.infer<typeof partFile>;
export type CollectedChanges = z.infer<typeof collectedChanges>;
export type Manifest = z.infer<typeof manifestSchema>;
