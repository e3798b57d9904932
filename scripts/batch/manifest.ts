/** The archive's manifest: which Parquet files count, and how far ticks.db has been collected. Renaming it into place is the commit. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { z } from "zod";
import { TidemarkError } from "../common/errors.ts";
import { writeAtomically } from "./files.ts";

const tickFile = z.object({
  /** Relative to the archive, with forward slashes. */
  path: z.string(),
  product_id: z.string(),
  /** UTC, YYYY-MM-DD. */
  day: z.string(),
  rows: z.number(),
  bytes: z.number(),
  max_time_us: z.number(),
});
const partFile = z.object({ path: z.string(), rows: z.number() });
/** Rows of the SQLite file that was made at `created`: all of `whole_day` (days since 1970, UTC), later ones by change number up to `changed_to`. The newest of a key counts (changes.ts). */
const collectedChanges = z.object({
  created: z.string(),
  whole_day: z.number(),
  changed_to: z.number(),
  mark: z.string(),
  files: z.array(partFile),
});
const manifestSchema = z.object({
  version: z.literal(1),
  /** Counts commits: names of new files carry it, so that they never meet an old one. */
  sequence: z.number(),
  /** Every row of ticks.db with an insert_id up to this is in `files`. */
  collected_to: z.number(),
  /** `created` of ticks.db's settings: another ticks.db numbers its rows anew. */
  store_created: z.string(),
  collected_us: z.number(),
  files: z.array(tickFile),
  /** Files of the rollup: together the sums of every tick in `files` (rollup.ts). Absent in an archive from before it. */
  minutes: z.array(partFile).optional(),
  /** Of each table in CHANGING (columns.ts) what was collected. Absent in an archive from before it. */
  changes: z.record(z.string(), collectedChanges).optional(),
  /** The folder with the newest copy of what is copied whole; "" before the first. */
  snapshot: z.string(),
});

export type TickFile = z.infer<typeof tickFile>;
export type PartFile = z.infer<typeof partFile>;
export type CollectedChanges = z.infer<typeof collectedChanges>;
export type Manifest = z.infer<typeof manifestSchema>;

const MANIFEST = "manifest.json";

/** The manifest, or null when nothing was collected yet. Fails with STORE_CORRUPT when it can't be read. */
export function readManifest(archive: string): Manifest | null {
  const path = join(archive, MANIFEST);
  if (!existsSync(path)) return null;
  try {
    return manifestSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new TidemarkError(
      "STORE_CORRUPT",
      `${path} is damaged.`,
      "Move the archive folder away: the next batch builds it again from ticks.db.",
      { cause: error },
    );
  }
}

export function emptyManifest(store_created: string): Manifest {
  const [collected_to, collected_us] = [0, 0];
  return { version: 1, sequence: 0, collected_to, store_created, collected_us, files: [], minutes: [], snapshot: "" };
}

/** Commits: from here on the archive is what `manifest` says. */
export function writeManifest(archive: string, manifest: Manifest): void {
  writeAtomically(join(archive, MANIFEST), `${JSON.stringify(manifest)}\n`);
}

/** Removes what the commit doesn't refer to: leftovers of a killed run, and what the last run replaced (kept until now for its readers). */
export function removeOrphans(archive: string, manifest: Manifest): void {
  const changes = Object.values(manifest.changes ?? {}).flatMap(({ files }) => files);
  const files = [...manifest.files, ...(manifest.minutes ?? []), ...changes];
  const known = new Set([MANIFEST, ...files.map((file) => file.path)]);
  const snapshots = existsSync(join(archive, "snapshot")) ? readdirSync(join(archive, "snapshot")) : [];
  for (const name of snapshots) {
    if (`snapshot/${name}` !== manifest.snapshot) rmSync(join(archive, "snapshot", name), { recursive: true });
  }
  for (const entry of readdirSync(archive, { recursive: true, encoding: "utf8" })) {
    const name = entry.split(sep).join("/");
    if (known.has(name) || name.startsWith(`${manifest.snapshot}/`)) continue;
    if (statSync(join(archive, entry)).isFile()) rmSync(join(archive, entry));
  }
}

export function archiveBytes(archive: string, manifest: Manifest): number {
  const ticks = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  if (manifest.snapshot === "") return ticks;
  const folder = join(archive, manifest.snapshot);
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, ticks);
}
