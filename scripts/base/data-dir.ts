/** The data directory: where each of its files is, who feeds it, and which names in it are ours. */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { sentence, systemCode, TidemarkError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import { spaceError, storeError } from "./sqlite.ts";

/** The default data directory. */
export const DATA_DEFAULT = "data";

/** Where relative paths begin. Fails with DATA_DIR when the directory was removed. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    throw new TidemarkError(
      "DATA_DIR",
      `The working directory was removed: ${systemCode(error)}.`,
      "Change to another directory, or name the data directory by its absolute path with --data DIR.",
    );
  }
}

/** A path for people: relative when it is below the working directory. */
export function nearOf(path: string): string {
  try {
    const near = relative(process.cwd(), path);
    return near.startsWith("..") ? path : near;
  } catch {
    // The working directory was removed.
    return path;
  }
}

/** The files of a data directory; each is written by exactly one stage (ARCHITECTURE.md). */
export function dataPaths(dir: string) {
  const root = isAbsolute(dir) ? resolve(dir) : resolve(workingDirectory(), dir);
  return {
    root,
    kind: join(root, "kind.json"),
    feed: join(root, "feed.json"),
    schedule: join(root, "schedule.json"),
    log: join(root, "log.db"),
    ticks: join(root, "ticks.db"),
    windows: join(root, "windows.db"),
    results: join(root, "results.db"),
    archive: join(root, "archive"),
    streamCsv: join(root, "stream_csv"),
    batchOutput: join(root, "batch_output"),
    batchLog: join(root, "batch_log.txt"),
    locks: join(root, "locks"),
    /** While `start` runs: the page's address, and in the second line how to play the recording again. */
    address: join(root, "locks", "start.url"),
  };
}
export type DataPaths = ReturnType<typeof dataPaths>;

/**
 * Creates the directory, or fails with DATA_DIR when it can't be created or written. With a logger, a
 * new one that isn't the default is a warning: its name may be misspelt.
 */
export function openDataDir(dir: string, logger?: Logger): DataPaths {
  const paths = dataPaths(dir);
  requireOwnRights(paths.root);
  if (!existsSync(paths.root) && dir.split("/")[0] !== DATA_DEFAULT)
    logger?.warn(`new data directory: ${paths.root} did not exist`);
  try {
    mkdirSync(paths.locks, { recursive: true });
    accessSync(paths.root, constants.W_OK);
  } catch (error) {
    const full = spaceError(error, paths.root);
    if (full !== error) throw full;
    refuseFile(paths.root);
    throw new TidemarkError(
      "DATA_DIR",
      `The data directory ${paths.root} can't be written: ${sentence(error)}.`,
      "Choose another with --data DIR, or change its permissions.",
    );
  }
  return paths;
}

/** Fails with DATA_DIR when the path, or a folder above it, is a file. */
function refuseFile(root: string): void {
  let path = root;
  while (!existsSync(path) && path !== dirname(path)) path = dirname(path);
  if (statSync(path).isDirectory()) return;
  const what =
    path === root ? "is a file, not a data directory" : `is a file, so that ${root} can't be a data directory`;
  throw new TidemarkError("DATA_DIR", `${path} ${what}.`, "Name a directory with --data DIR.");
}

/**
 * Under a umask that takes the owner's rights, everything that is created here could not be opened
 * again.
 */
function requireOwnRights(root: string): void {
  const umask = process.umask();
  if ((umask & 0o700) === 0) return;
  throw new TidemarkError(
    "DATA_DIR",
    `Nothing can be stored in ${root}: the umask ${umask.toString(8).padStart(3, "0")} takes the owner's rights from new files.`,
    "Use a umask such as 022 or 077.",
  );
}

/** Names that Tidemark uses in a data directory: stores, log, their companions, folders. */
const KEPT =
  /^((log|ticks|windows|results)\.db(-wal|-shm|\.v\d+\.bak)?|log\.notify|kind\.json|feed\.json|schedule\.json|batch_log\.txt)$/;
const KEPT_FOLDERS = ["archive", "stream_csv", "batch_output", "locks"];

/** Fails with USAGE for a file, by its real path, that belongs to any data directory. */
export function requireForeign(file: string): void {
  for (let folder = dirname(file), name = basename(file); ; name = basename(folder), folder = dirname(folder)) {
    const isKept = (folder === dirname(file) && KEPT.test(name)) || KEPT_FOLDERS.includes(name);
    if (isKept && isDataDir(folder)) {
      throw new TidemarkError(
        "USAGE",
        `${file} is one of Tidemark's own files in the data directory ${folder}.`,
        "Name another file.",
      );
    }
    if (folder === dirname(folder)) return;
  }
}

/** Fails with USAGE when `file` is a hard link to one of Tidemark's own files in `root`. */
export function requireNoOtherName(file: string, { dev, ino, nlink }: Stats, root: string): void {
  if (nlink < 2 || !existsSync(root)) return;
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const kept = join(realpathSync(entry.parentPath), entry.name);
    const stat = statSync(kept, { throwIfNoEntry: false });
    if (stat?.ino === ino && stat.dev === dev && kept !== file) requireForeign(kept);
  }
}

function isDataDir(folder: string): boolean {
  const paths = dataPaths(folder);
  return [paths.locks, paths.kind, paths.log, paths.ticks, paths.windows, paths.results].some(existsSync);
}

/** The directory for a command that only reads: created if missing, otherwise read rights suffice. */
export function shownDataDir(dir: string, logger?: Logger): DataPaths {
  const paths = dataPaths(dir);
  if (!existsSync(paths.root) || !statSync(paths.root).isDirectory()) return openDataDir(dir, logger);
  try {
    accessSync(paths.root, constants.R_OK | constants.X_OK);
  } catch (error) {
    throw new TidemarkError(
      "DATA_DIR",
      `The data directory ${paths.root} can't be read: ${sentence(error)}.`,
      "Choose another with --data DIR, or change its permissions.",
    );
  }
  return paths;
}

/** What to do when `start` has played a recording into a folder of this directory; null otherwise. */
export function replayed(paths: DataPaths): string | null {
  const below = join(paths.root, "replay");
  if (!existsSync(join(below, "ticks.db"))) return null;
  return `The recording was played into ${below}: add \`--data ${below}\`.`;
}

/**
 * Notes what feeds a data directory. Fails with DATA_KIND for the other kind later (docs/semantics.md
 * "Live and replay").
 */
export function claimKind(paths: DataPaths, kind: "live" | "replay"): void {
  const before = readKind(paths);
  if (before === kind) return;
  const damage = kindDamage(paths);
  if (damage !== null) throw damage;
  if (before !== null) {
    throw new TidemarkError(
      "DATA_KIND",
      `${paths.root} holds ${before} data, and this feed is ${kind}.`,
      "Replayed and live ticks never share a data directory: choose another with --data DIR.",
    );
  }
  try {
    writeFileSync(paths.kind, `${JSON.stringify({ kind })}\n`);
  } catch (error) {
    throw storeError(paths.kind, error);
  }
}

/** What feeds a data directory; null when nothing has yet, or the file is damaged (kindDamage). */
export function readKind(paths: DataPaths): "live" | "replay" | null {
  return (/^\{"kind":"(live|replay)"\}\s*$/.exec(kindText(paths))?.[1] ?? null) as "live" | "replay" | null;
}

/** STORE_CORRUPT when the file has neither kind: a guess could mix live and replayed ticks. */
export function kindDamage(paths: DataPaths): TidemarkError | null {
  if (kindText(paths) === "" || readKind(paths) !== null) return null;
  return new TidemarkError(
    "STORE_CORRUPT",
    `${paths.kind} is damaged: it names neither live nor replay.`,
    'Write {"kind":"live"} or {"kind":"replay"} into it, according to what fed this data directory.',
  );
}

/** Empty when there is no file, and when the disk was full as it was written. */
function kindText(paths: DataPaths): string {
  return existsSync(paths.kind) ? readFileSync(paths.kind, "utf8") : "";
}
