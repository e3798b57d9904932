/** Files of a user in a data directory: kinds, names, and whether they are still as they were. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";

/** Names that users give, many of them close to Tidemark's own. */
export const NAMES = [
  "notes.txt",
  "report.csv",
  "über uns.md",
  "日本.csv",
  "two words.csv",
  ".hidden",
  ".tidemark-notes",
  "thesis",
  "metrics.csv",
  "windows.csv",
  "windows_mine.csv",
  "windows_1m (copy).csv",
  "market_summary_old.csv",
  "market_summary_mine.csv",
  "market_summary_2023.csv.tmp",
  "x.csv.tmp",
  "old.tmp",
  "a.part",
  "mine.parquet",
  "ticks.parquet",
  "part-1.parquet",
  "1-1.parquet.mine",
  "manifest.json.bak",
  "data.db",
  "log.db.old",
  "backup.sqlite",
  "stream.lock.txt",
];
export const KINDS = ["file", "folder", "link to a file", "link to a folder", "broken link"] as const;
export const MODES = [0o644, 0o600, 0o444, 0o755];

export interface UsersFile {
  /** Folder below the data directory. */
  folder: string;
  name: string;
  kind: (typeof KINDS)[number];
  /** Of the file, also of that in a folder and of that which a link leads to. */
  mode: number;
  bytes: Uint8Array;
}

/**
 * Puts it below `data`; what a link leads to is `outside/target`. False where something of its name is
 * already there. Throws what the file system reports.
 */
export function place(data: string, outside: string, target: string, file: UsersFile): boolean {
  const path = join(data, file.folder, file.name);
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return false;
  const isLink = file.kind.includes("link");
  const at = isLink ? join(outside, target) : path;
  if (isLink) mkdirSync(outside, { recursive: true });
  if (file.kind.endsWith("folder")) mkdirSync(at);
  if (file.kind !== "broken link") {
    const written = file.kind.endsWith("folder") ? join(at, "inside.csv") : at;
    writeFileSync(written, file.bytes);
    chmodSync(written, file.mode);
  }
  if (isLink) symlinkSync(at, path);
  return true;
}

/** Kind, mode and content of what is at a path and, if that is a folder, below it; by path from it. */
export function pictureOf(path: string, called = ""): Record<string, string> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return { [called]: "gone" };
  if (stat.isSymbolicLink()) return { [called]: `link ${readlinkSync(path)}` };
  if (!stat.isDirectory()) return { [called]: `file ${stat.mode.toString(8)} ${readFileSync(path, "latin1")}` };
  const below = readdirSync(path).map((name) => pictureOf(join(path, name), join(called, name)));
  return Object.assign({ [called]: `folder ${stat.mode.toString(8)}` }, ...below);
}

/** Those that a drill has added, at random moments. */
export class UsersFiles {
  /** Path → what was there when it was added. */
  readonly #added = new Map<string, Record<string, string>>();
  #count = 0;

  /** `outside`: a folder beside the data directory, for the targets of links. */
  constructor(
    private readonly data: string,
    private readonly outside: string,
  ) {}

  /** Adds one of a random name and kind to a random folder. */
  add(random: () => number): void {
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    const numbered = `${this.#count++} ${pick(NAMES)}`;
    const file: UsersFile = {
      folder: pick(foldersOf(this.data)),
      name: random() < 0.5 ? numbered : numbered.replace(/^\d+ /, ""),
      kind: pick(KINDS),
      mode: pick(MODES),
      bytes: Uint8Array.from({ length: Math.floor(random() * 300) }, () => Math.floor(random() * 256)),
    };
    try {
      if (!place(this.data, this.outside, numbered, file)) return;
      const path = join(this.data, file.folder, file.name);
      this.#added.set(path, pictureOf(path));
      if (file.kind.includes("link to")) {
        const target = join(this.outside, numbered);
        this.#added.set(target, pictureOf(target));
      }
    } catch (error) {
      // A temporary folder may be removed between the listing and the write.
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }

  /** What is no longer as it was added, as phrases; [] when all is. */
  missing(): string[] {
    return [...this.#added].flatMap(([path, before]) => {
      const now = pictureOf(path);
      const isThere = Object.entries(before).every(([name, was]) => was !== "gone" && now[name] === was);
      return isThere ? [] : [`a user's ${relative(this.data, path)} is gone or changed`];
    });
  }
}

/** The data directory and all folders in it, as paths from it; links are not followed. */
function foldersOf(data: string): string[] {
  if (!existsSync(data)) mkdirSync(data, { recursive: true });
  const below = readdirSync(data, { withFileTypes: true, recursive: true }).filter((entry) => entry.isDirectory());
  return ["", ...below.map((entry) => relative(data, join(entry.parentPath, entry.name)))];
}
