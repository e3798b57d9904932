/** A user's own files in a data directory: a drill adds some, and they must stay byte for byte. */
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

/** Names that users give, some of them close to Tidemark's own. */
const NAMES = [
  "notes.txt",
  "über uns.md",
  ".hidden",
  "metrics.csv",
  "windows_1m (copy).csv",
  "market_summary_old.csv",
  "ticks.parquet",
  "part-1.parquet",
  "manifest.json.bak",
  "log.db.old",
  "thesis",
  "a.part",
];
const MODES = [0o644, 0o600, 0o444, 0o755];

interface Foreign {
  path: string;
  /** Null for a link. */
  bytes: Buffer | null;
  mode: number;
}

export class ForeignFiles {
  readonly #added: Foreign[] = [];
  #count = 0;

  /** `outside`: a folder beside the data directory, for the targets of links. */
  constructor(
    private readonly data: string,
    private readonly outside: string,
  ) {}

  /** Adds one file, folder with a file, or link to a file outside to a random folder. */
  add(random: () => number): void {
    const folders = foldersOf(this.data);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    const folder = pick(folders);
    const name = `${this.#count++} ${pick(NAMES)}`;
    const path = join(folder, random() < 0.5 ? name : name.replace(/^\d+ /, ""));
    const kind = random();
    if (existsSync(path)) return;
    try {
      if (kind < 0.15) {
        mkdirSync(this.outside, { recursive: true });
        const target = join(this.outside, name);
        this.#write(target, random, pick(MODES));
        symlinkSync(target, path);
        this.#added.push({ path, bytes: null, mode: 0 });
      } else if (kind < 0.3) {
        mkdirSync(path);
        this.#write(join(path, "inside.csv"), random, pick(MODES));
      } else this.#write(path, random, pick(MODES));
    } catch (error) {
      // A temporary folder may be removed between the listing and the write.
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }

  /** What is no longer as it was added, as phrases; [] when all is. */
  missing(): string[] {
    return this.#added
      .filter((one) => !isThere(one))
      .map(({ path }) => `a user's ${relative(this.data, path)} is gone or changed`);
  }

  #write(path: string, random: () => number, mode: number): void {
    const bytes = Buffer.from(Array.from({ length: Math.floor(random() * 300) }, () => Math.floor(random() * 256)));
    writeFileSync(path, bytes);
    chmodSync(path, mode);
    this.#added.push({ path, bytes, mode });
  }
}

function isThere({ path, bytes, mode }: Foreign): boolean {
  try {
    const found = lstatSync(path);
    if (bytes === null) return found.isSymbolicLink() && readlinkSync(path) !== "";
    return found.isFile() && (found.mode & 0o777) === mode && readFileSync(path).equals(bytes);
  } catch {
    return false;
  }
}

/** The data directory and all folders in it, links not followed. */
function foldersOf(data: string): string[] {
  if (!existsSync(data)) mkdirSync(data, { recursive: true });
  const below = readdirSync(data, { withFileTypes: true, recursive: true }).filter((entry) => entry.isDirectory());
  return [data, ...below.map((entry) => join(entry.parentPath, entry.name))];
}
