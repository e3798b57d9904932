/** The archive's first layout: a file per product and day, no checksums; a batch converts it. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Manifest, manifestV1Schema, type PartFile, type TickFile } from "./manifest-schema.ts";

/**
 * The manifest in today's form, as version 1: no checksums, no sums, its ticks in one span of
 * insert_id.
 */
export function readV1(archive: string, value: unknown): Manifest {
  const old = manifestV1Schema.parse(value);
  const sums = { price: "0", size: "0", trade_ids: "0", times: "0" };
  const span = { first_insert_id: 1, last_insert_id: old.collected_to, sums, verified: false };
  const part = ({ path, rows }: { path: string; rows: number }): PartFile => {
    const bytes = statSync(join(archive, path), { throwIfNoEntry: false })?.size ?? 0;
    return { path, rows, bytes, checksum: "", seen: "" };
  };
  const files: TickFile[] = old.files.map((file) => ({ ...part(file), ...span, ...file }));
  const changed = Object.entries(old.changes ?? {});
  const folder = join(archive, old.snapshot);
  const copies = old.snapshot !== "" && existsSync(folder) ? readdirSync(folder) : [];
  const parquet = copies.filter((name) => name.endsWith(".parquet"));
  return {
    version: 1,
    rules: 1,
    sequence: old.sequence,
    v1_sequence: old.sequence,
    collected_to: old.collected_to,
    store_created: old.store_created,
    collected_us: old.collected_us,
    checked_day: 0,
    files,
    minutes: (old.minutes ?? []).map(part),
    changes: Object.fromEntries(changed.map(([name, one]) => [name, { ...one, files: one.files.map(part) }])),
    snapshot: old.snapshot,
    snapshot_files: Object.fromEntries(
      parquet.map((name) => [name.slice(0, -".parquet".length), part({ path: `${old.snapshot}/${name}`, rows: 0 })]),
    ),
  };
}

/**
 * Whether the first layout gave a file this name, up to the commit `sequence` and one that was killed
 * after it.
 */
export function isOldName(name: string, sequence: number): boolean {
  const number = /^(\d+)-\d+\.parquet(\.tmp)?$/.exec(name)?.[1];
  return sequence > 0 && number !== undefined && Number(number) <= sequence + 1;
}

/** The first layout's tick files below a folder, as paths relative to it; no link is followed. */
export function oldTickFiles(ticks: string, sequence: number): string[] {
  const below = (path: string) => readdirSync(join(ticks, path), { withFileTypes: true });
  const folders = (path: string, pattern: RegExp) =>
    below(path)
      .filter((entry) => entry.isDirectory() && pattern.test(entry.name))
      .map((entry) => join(path, entry.name));
  const days = folders("", /^product_id=./).flatMap((product) => folders(product, /^day=\d{4}-\d\d-\d\d$/));
  return days.flatMap((day) =>
    below(day)
      .filter((entry) => entry.isFile() && isOldName(entry.name, sequence))
      .map((entry) => join(day, entry.name)),
  );
}
