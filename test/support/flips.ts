/** One flipped bit in a stored file, and what the file's verifier finds (docs/archive.md). */
import { Database } from "bun:sqlite";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { allFiles, MANIFEST, mapFiles, readManifest } from "../../scripts/archive/manifest.ts";
import type { Manifest, PartFile } from "../../scripts/archive/manifest-schema.ts";
import { prune } from "../../scripts/archive/pruning.ts";
import { identity, verifyArchive } from "../../scripts/archive/verify.ts";
import { claimKind, type DataPaths, dataPaths, readKind } from "../../scripts/base/data-dir.ts";
import { openDatabase } from "../../scripts/base/sqlite.ts";
import { openLog } from "../../scripts/log/open.ts";
import { TICKS_SCHEMA } from "../../scripts/store/tick-store.ts";
import { quiet, tempDir } from "./data.ts";

/** Numbers from 0 to 1, the same for a seed. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Flips one bit of a file in place; returns what was done, for a test's message. */
export function flip(path: string, next: () => number): string {
  const bytes = readFileSync(path);
  const [at, bit] = [Math.floor(next() * bytes.length), Math.floor(next() * 8)];
  bytes[at]! ^= 1 << bit;
  writeFileSync(path, bytes);
  return `${path} byte ${at} bit ${bit}`;
}

/** Moves the WAL into the file, so that each byte of the file counts. */
export function settle(path: string): void {
  const db = new Database(path);
  db.exec("PRAGMA busy_timeout = 10000; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE");
  db.close();
}

/**
 * `found`: an error names the damage. `same`: what the guarantee covers is as before. `WRONG`: it is
 * not, and nothing reports it.
 */
export type Outcome = "found" | "same" | "WRONG";

export interface Flipped {
  kind: string;
  what: string;
  outcome: Outcome;
}

interface Sound {
  data: string;
  paths: DataPaths;
  manifest: Manifest;
  messages: string;
}

/**
 * `count` flips, one kind of file after the other, in a directory that a batch has collected whole;
 * every file is put back.
 */
export async function flipsInProcess(data: string, count: number, seed: number): Promise<Flipped[]> {
  const next = random(seed);
  for (const name of ["ticks.db", "log.db"]) settle(join(data, name));
  const paths = dataPaths(data);
  claimKind(paths, "replay");
  const sound = { data, paths, manifest: readManifest(paths.archive)!, messages: await readLog(data) };
  const kinds = Object.entries(KINDS);
  const done: Flipped[] = [];
  for (let i = 0; i < count; i++) {
    const [kind, judge] = kinds[i % kinds.length]!;
    done.push({ kind, ...(await judge(sound, next)) });
  }
  return done;
}

type Kind = (sound: Sound, next: () => number) => Promise<Omit<Flipped, "kind">>;

/** A Parquet file of a folder: footer, page headers, data and statistics. */
const inParquet =
  (folder: RegExp, isKept: boolean): Kind =>
  ({ paths: { archive }, manifest }, next) => {
    const files = allFiles(manifest).filter((file) => folder.test(file.path));
    const file = files[Math.floor(next() * files.length)]!;
    const path = join(archive, file.path);
    return around(path, next, () => {
      if (!isKept) {
        verifyArchive(archive, manifest, "changed", false);
        return "WRONG";
      }
      // A failing disk flips a bit without a new time: the record has the identity that the file shows now.
      const seen = <T extends PartFile>(one: T): T =>
        one.path === file.path ? { ...one, seen: identity(path)! } : one;
      verifyArchive(archive, mapFiles(manifest, seen), "all", false);
      return "WRONG";
    });
  };

const inManifest: Kind = ({ paths: { archive }, manifest }, next) =>
  around(join(archive, MANIFEST), next, () =>
    JSON.stringify(readManifest(archive)) === JSON.stringify(manifest) ? "same" : "WRONG",
  );

const COVERED =
  "SELECT count(*), group_concat(trade_id || ' ' || time_us || ' ' || price || ' ' || last_size, ';' ORDER BY insert_id) FROM ticks";

/**
 * Opening reads every page; prune compares rows, prices, sizes, times and ids with the archive before
 * it deletes a row.
 */
const inTicks: Kind = ({ data, paths }, next) =>
  aside(data, "ticks.db", next, (copy, original) => {
    const db = openDatabase(copy, TICKS_SCHEMA, "NORMAL");
    try {
      const now = JSON.stringify(db.query(COVERED).values());
      prune(db, { archive: paths.archive, before_us: Number.MAX_SAFE_INTEGER, signal: new AbortController().signal });
      return now === valuesOf(original, COVERED) ? "same" : "WRONG";
    } finally {
      db.close();
    }
  });

/** Each block has a checksum: what is read is what was written, or an error. */
const inLog: Kind = ({ data, messages }, next) =>
  aside(data, "log.db", next, async (copy) => ((await readLog(dirname(copy))) === messages ? "same" : "WRONG"));

/** One word that decides whether live and replayed ticks may meet. */
const inKind: Kind = ({ paths }, next) => {
  const before = readKind(paths);
  return around(paths.kind, next, () => {
    claimKind(paths, before === "live" ? "replay" : "live");
    return "WRONG";
  });
};

const KINDS: Record<string, Kind> = {
  "ticks, Parquet": inParquet(/^ticks/, false),
  "ticks, Parquet, time kept": inParquet(/^ticks/, true),
  "minutes, Parquet": inParquet(/^minutes/, false),
  "minutes, Parquet, time kept": inParquet(/^minutes/, true),
  "windows and late ticks, Parquet": inParquet(/^(?!ticks|minutes|snapshot)/, false),
  "windows and late ticks, Parquet, time kept": inParquet(/^(?!ticks|minutes|snapshot)/, true),
  "snapshot, Parquet": inParquet(/^snapshot/, false),
  "snapshot, Parquet, time kept": inParquet(/^snapshot/, true),
  "manifest.json": inManifest,
  "ticks.db": inTicks,
  "log.db": inLog,
  "kind.json": inKind,
};

async function around(path: string, next: () => number, judge: () => Outcome): Promise<Omit<Flipped, "kind">> {
  const bytes = readFileSync(path);
  const what = flip(path, next);
  try {
    return { what, outcome: judge() };
  } catch {
    return { what, outcome: "found" };
  } finally {
    writeFileSync(path, bytes);
  }
}

/** Flips in a copy. */
async function aside(
  data: string,
  name: string,
  next: () => number,
  judge: (copy: string, original: string) => Outcome | Promise<Outcome>,
): Promise<Omit<Flipped, "kind">> {
  using dir = tempDir();
  const copy = join(dir.path, name);
  copyFileSync(join(data, name), copy);
  const what = flip(copy, next);
  try {
    return { what, outcome: await judge(copy, join(data, name)) };
  } catch {
    return { what, outcome: "found" };
  }
}

function valuesOf(path: string, sql: string): string {
  const db = new Database(path, { readonly: true });
  try {
    return JSON.stringify(db.query(sql).values());
  } finally {
    db.close();
  }
}

/**
 * Every record of the log with its offset, key and append time. Fails when it ends before the end that
 * it states.
 */
async function readLog(data: string): Promise<string> {
  const log = await openLog("embedded:", dataPaths(data), { role: "reader", logger: quiet });
  const lines: string[] = [];
  try {
    const spans = await log.spans();
    const reader = await log.reader({ group: "flips", position: () => 0 });
    for (let left = spans.reduce((sum, { start, end }) => sum + end - start, 0); left > 0; ) {
      const batches = await reader.poll({ records_max: 10_000, timeout_ms: 0 });
      if (batches.length === 0) throw new Error("the log ends early");
      for (const { partition, count, buffer, starts, ends, offsets, appended_us, key } of batches) {
        for (let i = 0; i < count; i++)
          lines.push(
            `${partition} ${offsets[i]} ${appended_us[i]} ${key(i)} ${Buffer.from(buffer(i).subarray(starts[i], ends[i])).toString()}`,
          );
        left -= count;
      }
    }
    await reader.close();
  } finally {
    await log.close();
  }
  return lines.join("\n");
}
