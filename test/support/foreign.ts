/**
 * Files, folders and links of somebody else, put at random into the folders that Tidemark writes, and
 * whether they are still as they were.
 */
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
import { dirname, join } from "node:path";
import fc from "fast-check";

/** Names that look like ours, and ordinary ones. */
const NAMES = [
  "notes.txt",
  "report.csv",
  "mine.parquet",
  "data.db",
  "backup.sqlite",
  "old.tmp",
  "x.csv.tmp",
  "market_summary_mine.csv",
  "market_summary_2023.csv.tmp",
  "windows_mine.csv",
  "windows.csv",
  ".hidden",
  ".tidemark-notes",
  "manifest.json.bak",
  "1-1.parquet.mine",
  "stream.lock.txt",
  "日本.csv",
  "two words.csv",
];

export interface Foreign {
  /** Folder below the data directory. */
  folder: string;
  name: string;
  kind: "file" | "folder" | "link to a file" | "link to a folder" | "broken link";
  mode: number;
  text: string;
}

/** Up to 25 of them over `folders`, each name once per folder. */
export const foreignFiles = (folders: readonly string[]): fc.Arbitrary<Foreign[]> =>
  fc.uniqueArray(
    fc.record({
      folder: fc.constantFrom(...folders),
      name: fc.constantFrom(...NAMES),
      kind: fc.constantFrom<Foreign["kind"]>("file", "folder", "link to a file", "link to a folder", "broken link"),
      mode: fc.constantFrom(0o600, 0o644, 0o444, 0o755),
      text: fc.string({ maxLength: 40 }),
    }),
    { minLength: 15, maxLength: 25, selector: ({ folder, name }) => join(folder, name) },
  );

/** Puts them below `data`; what links lead to is in `outside`. */
export function place(data: string, outside: string, all: readonly Foreign[]): void {
  for (const [i, { folder, name, kind, mode, text }] of all.entries()) {
    const path = join(data, folder, name);
    const target = join(outside, `target-${i}`);
    mkdirSync(dirname(path), { recursive: true });
    if (existsSync(path)) continue;
    if (kind === "file") writeFileSync(path, text, { mode });
    if (kind === "folder" || kind === "link to a folder") {
      const at = kind === "folder" ? path : target;
      mkdirSync(at);
      writeFileSync(join(at, "inside.csv"), text, { mode });
    }
    if (kind === "link to a file") writeFileSync(target, text, { mode });
    if (kind.includes("link")) symlinkSync(kind === "broken link" ? join(outside, "nothing") : target, path);
    if (kind === "file") chmodSync(path, mode);
  }
}

/**
 * Everything at or below the foreign paths, and all of `outside`: kind, mode and content by path. An
 * archive that was put aside whole (a ticks.db created again begins another one) is read where it is
 * kept.
 */
export function picture(data: string, outside: string, all: readonly Foreign[]): Record<string, string> {
  const seen: Record<string, string> = {};
  const look = (path: string, called: string) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) seen[called] = "gone";
    else if (stat.isSymbolicLink()) seen[called] = `link ${readlinkSync(path)}`;
    else if (stat.isDirectory()) {
      seen[called] = `folder ${stat.mode.toString(8)}`;
      for (const name of readdirSync(path)) look(join(path, name), join(called, name));
    } else seen[called] = `file ${stat.mode.toString(8)} ${readFileSync(path, "latin1")}`;
  };
  const aside = readdirSync(data).find((name) => /^archive\.\d+\.\d+$/.test(name)) ?? "archive";
  for (const { folder, name } of all) look(join(data, folder.replace(/^archive/, aside), name), join(folder, name));
  look(outside, "outside");
  return seen;
}
