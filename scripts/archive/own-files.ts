/** The archive's folders: which names are ours, removing old files, replacing a folder at one instant. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, join } from "node:path";
import { syncPath, TEMPORARY } from "../base/atomic-file.ts";
import { nowUs } from "../base/clock.ts";
import { diePoint } from "../base/die-point.ts";
import { systemCode, TidemarkError } from "../base/errors.ts";
import { CHANGING, SNAPSHOT } from "./columns.ts";
import { allFiles, MANIFEST } from "./manifest.ts";
import type { Manifest } from "./manifest-schema.ts";
import { isOldName, oldTickFiles } from "./manifest-v1.ts";

/** Files are written here, so that no listing of another folder has an unfinished one. */
export const WORK = ".writing";
/** Folders in which, at every instant, each row is in exactly one file. */
const REPLACED = ["ticks", "minutes"];
const FOLDERS = [...REPLACED, ...Object.keys(CHANGING)];

/** Part of the names of this archive's files; those of another archive are not ours. */
export function tagOf(store_created: string): string {
  return new Bun.CryptoHasher("sha256").update(store_created).digest("hex").slice(0, 8);
}

function isOwn(name: string, { store_created, sequence }: Manifest): boolean {
  const [, tag, number] = /^([0-9a-f]{8})-(\d+)-\d+\.parquet$/.exec(name) ?? [];
  return tag === tagOf(store_created) && Number(number) <= sequence + 1;
}

/**
 * Throws DATA_DIR if one of its folders is a file, or a link: removing through it could hit other
 * files.
 */
export function checkFolders(archive: string): void {
  try {
    mkdirSync(archive, { recursive: true });
  } catch (error) {
    if (!["EEXIST", "ENOTDIR", "ENOENT"].includes(systemCode(error))) throw error;
    throw new TidemarkError("DATA_DIR", `${archive} is a file or a link that leads nowhere.`, "Move it away.");
  }
  for (const folder of [...FOLDERS, "snapshot", WORK]) {
    const path = join(archive, folder);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined || found.isDirectory()) continue;
    throw new TidemarkError(
      "DATA_DIR",
      `${path} is ${found.isSymbolicLink() ? "a link" : "not a folder"}; the archive needs a folder of its own there.`,
      "Move it away. To keep the archive on another disk, make archive itself a link.",
    );
  }
}

/** Removes what a run of this archive wrote and the manifest doesn't name; other files stay, links too. */
export function removeOrphans(archive: string, manifest: Manifest): void {
  const known = new Set(allFiles(manifest).map((file) => file.path));
  rmSync(join(archive, MANIFEST + TEMPORARY), { force: true });
  for (const folder of FOLDERS) {
    for (const name of ownNames(join(archive, folder), manifest)) {
      if (!known.has(`${folder}/${name}`)) rmSync(join(archive, folder, name));
    }
  }
  removeSnapshots(archive, manifest);
  clearWork(archive, manifest);
}

function ownNames(folder: string, manifest: Manifest): string[] {
  const files = entries(folder).filter((entry) => entry.isFile());
  // The first layout never put a file into ticks itself.
  const old_sequence = basename(folder) === "ticks" ? 0 : manifest.v1_sequence;
  const isOurs = (name: string) => isOwn(name, manifest) || isOldName(name, old_sequence);
  return files.map((entry) => entry.name).filter(isOurs);
}

function entries(folder: string) {
  return existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
}

const COPIES = new Set([...Object.keys(SNAPSHOT), ...Object.keys(CHANGING)].map((name) => `${name}.parquet`));

function removeSnapshots(archive: string, manifest: Manifest): void {
  for (const entry of entries(join(archive, "snapshot"))) {
    if (!entry.isDirectory() || `snapshot/${entry.name}` === manifest.snapshot) continue;
    const path = join(archive, "snapshot", entry.name);
    // Spark's results of a killed run (metrics/spark/spark-run.ts).
    if (/^spark-\d+-\w{6}$/.test(entry.name)) rmSync(path, { recursive: true });
    else if (/^\d+$/.test(entry.name) && Number(entry.name) <= manifest.sequence + 1) {
      removeFiles(path, (name) => COPIES.has(name.replace(TEMPORARY, "")));
    }
  }
}

/**
 * Whether an archive without a manifest has files of one that was lost: beside those that are written
 * again, a listing would show each tick twice. A killed first run leaves `first`'s own files only.
 */
export function hasLostFiles(archive: string, first: Manifest): boolean {
  const all = { ...first, sequence: Number.POSITIVE_INFINITY };
  const isLost = (name: string) => isOwn(name, all) && !isOwn(name, first);
  return FOLDERS.some((folder) => ownNames(join(archive, folder), all).some(isLost));
}

/** Moves the whole archive to a name that no other has, which is returned, and starts an empty one. */
export function moveAside(archive: string, { sequence }: Manifest): string {
  const aside = `${archive}.${sequence}.${nowUs()}`;
  renameSync(archive, aside);
  checkFolders(archive);
  return aside;
}

/** Removes a folder's files of these names, and the folder when nothing else is in it. */
function removeFiles(folder: string, isOurs: (name: string) => boolean): void {
  for (const entry of entries(folder)) if (entry.isFile() && isOurs(entry.name)) rmSync(join(folder, entry.name));
  removeIfEmpty(folder);
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes(systemCode(error))) throw error;
  }
}

/** Where the files are written with which the commit `sequence` replaces a folder. */
export function stagedFolder(archive: string, sequence: number, folder: string): string {
  return join(archive, WORK, String(sequence), folder);
}

/**
 * Links a kept file into the staged folder under a new name; copies it if the file system has no hard
 * links.
 */
export function stageFile(from: string, to: string): void {
  mkdirSync(join(to, ".."), { recursive: true });
  try {
    linkSync(from, to);
  } catch (error) {
    if (!["EPERM", "EXDEV", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(systemCode(error))) throw error;
    copyFileSync(from, to);
    syncPath(to);
  }
}

/**
 * Replaces folders by the staged ones after their commit, also for a killed run. A reader lists the
 * old folder or the new one, for some microseconds none. No name is in both: to open a file of the old
 * one afterwards is an error, never a mixture.
 */
export function putStaged(archive: string, manifest: Manifest): void {
  const staged = join(archive, WORK, String(manifest.sequence));
  const folders = REPLACED.filter((folder) => existsSync(join(staged, folder)));
  for (const name of folders) {
    const [here, away] = [join(archive, name), join(archive, WORK, `${manifest.sequence}-old`, name)];
    if (existsSync(here)) {
      chmodSync(join(staged, name), statSync(here).mode);
      mkdirSync(join(away, ".."), { recursive: true });
      renameSync(here, away);
      diePoint("folder-away");
    }
    renameSync(join(staged, name), here);
    diePoint("folder-replaced");
  }
  if (folders.length === 0) return;
  syncPath(archive);
  syncPath(join(archive, WORK));
  clearWork(archive, manifest);
}

/**
 * Empties the work folder: our files are removed, foreign ones of a replaced folder move into the new
 * one.
 */
function clearWork(archive: string, manifest: Manifest): void {
  const work = join(archive, WORK);
  for (const entry of entries(work)) {
    const path = join(work, entry.name);
    if (entry.isFile() && isOwn(entry.name, manifest)) rmSync(path);
    if (!entry.isDirectory() || !/^\d+(-old)?$/.test(entry.name)) continue;
    for (const folder of REPLACED) {
      if (entry.name.endsWith("-old")) moveForeign(join(path, folder), join(archive, folder), manifest);
      removeFiles(join(path, folder), (name) => isOwn(name, manifest));
    }
    removeIfEmpty(path);
  }
  removeIfEmpty(work);
}

function moveForeign(from: string, to: string, manifest: Manifest): void {
  if (!existsSync(from)) return;
  const superseded = new Set(ownNames(from, manifest));
  for (const name of superseded) rmSync(join(from, name));
  for (const path of oldTickFiles(from, manifest.v1_sequence)) rmSync(join(from, path));
  for (const path of folderPaths(from)) removeIfEmpty(join(from, path));
  for (const { name } of entries(from)) {
    mkdirSync(to, { recursive: true });
    if (!lstatSync(join(to, name), { throwIfNoEntry: false })) renameSync(join(from, name), join(to, name));
  }
}

/** Folders of the first layout that may be empty now, the innermost first. */
function folderPaths(from: string): string[] {
  const products = entries(from).filter((entry) => entry.isDirectory() && entry.name.startsWith("product_id="));
  return products.flatMap(({ name }) => [...entries(join(from, name)).map((day) => join(name, day.name)), name]);
}

/**
 * The manifest with the present paths: some files are still staged if a run was killed before
 * `putStaged`.
 */
export function whereStaged(archive: string, manifest: Manifest): Manifest {
  const staged = REPLACED.filter((folder) => existsSync(stagedFolder(archive, manifest.sequence, folder)));
  if (staged.length === 0) return manifest;
  const move = <T extends { path: string }>(file: T): T => {
    const [folder = "", name] = file.path.split("/");
    return staged.includes(folder) ? { ...file, path: `${WORK}/${manifest.sequence}/${folder}/${name}` } : file;
  };
  return { ...manifest, files: manifest.files.map(move), minutes: manifest.minutes.map(move) };
}

/** Foreign files in the folders that readers list; paths relative to the archive. */
export function foreignEntries(archive: string, manifest: Manifest): string[] {
  const known = new Set(allFiles(manifest).map((file) => file.path));
  return REPLACED.flatMap((folder) =>
    entries(join(archive, folder))
      .filter((entry) => !known.has(`${folder}/${entry.name}`))
      .filter((entry) => !(entry.isFile() && isOwn(entry.name, manifest)))
      .map((entry) => `${folder}/${entry.name}`),
  );
}
