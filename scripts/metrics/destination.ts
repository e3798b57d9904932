/** Where `query --output` writes: stdout, a regular file that is replaced whole, a pipe, a device. */
import {
  chmodSync,
  chownSync,
  closeSync,
  createReadStream,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  rmSync,
  type Stats,
  statSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { publish, TEMPORARY } from "../base/atomic-file.ts";
import { requireForeign, requireNoOtherName } from "../base/data-dir.ts";
import { sentence, systemCode, TidemarkError } from "../base/errors.ts";
import { spaceError } from "../base/sqlite.ts";
import { toStdout } from "../base/stdout.ts";
import { removeAbandoned, removeAbandonedTemporary, temporaryFolder } from "../base/temporary.ts";
import { writeAll } from "../base/write-all.ts";

export interface Destination {
  /** Nothing was written, or what was can be taken back: another try may begin. */
  readonly isFresh: boolean;
  /** Takes the next piece; resolves when more is wanted. */
  write(text: string): Promise<void>;
  /** For a writer that needs a file of its own (Parquet): a folder that holds nothing else. */
  folder(): string;
  /** Makes what was written, or the file `name` of `folder()`, the destination's content. */
  finish(name?: string): Promise<void>;
  /** Leaves a regular file as it was; what a pipe or a device has taken stays taken. */
  abandon(): void;
}

/** Names of our temporary folders begin like this; the pid of their process follows. */
const OURS = ".tidemark-output-";
const OURS_ELSEWHERE = "tidemark-output-";

/** Symbolic links followed by hand, because the last one may name a file that does not exist yet. */
const LINKS_MAX = 40;

/**
 * Opens `path`; `-` is stdout. Throws USAGE for a folder, and for a file that Tidemark keeps, in the
 * data directory `root` also under other names; OUTPUT when it can't be opened for writing.
 */
export function openDestination(path: string, root: string): Destination {
  if (path === "-") return new StreamDestination(1, path);
  try {
    return destinationAt(path, root);
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw new TidemarkError(
      "OUTPUT",
      `--output ${path} can't be written: ${sentence(error)}.`,
      "Name a file, a pipe or a device that can be opened for writing; - is stdout.",
    );
  }
}

function destinationAt(path: string, root: string): Destination {
  const stat = statSync(path, { throwIfNoEntry: false }) ?? null;
  if (stat?.isDirectory())
    throw new TidemarkError("USAGE", `--output ${path} is a folder.`, "Name a file, for example in this folder.");
  if (stat !== null && !stat.isFile()) return new StreamDestination(openSync(path, "w"), path);
  const file = followed(resolve(path));
  requireForeign(file);
  // A folder that is created silently may be a misspelt one.
  statSync(dirname(file));
  if (stat !== null) requireNoOtherName(file, stat, root);
  return new FileDestination(file, stat);
}

/** The file that a path names after all links, also if it does not exist yet. */
function followed(path: string): string {
  let file = path;
  for (let links = 0; lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true; links++) {
    if (links === LINKS_MAX) throw new TidemarkError("USAGE", `--output ${path} is a link that leads in a circle.`);
    if (existsSync(file)) return realpathSync(file);
    file = resolve(dirname(file), readlinkSync(file));
  }
  const folder = dirname(file);
  return existsSync(folder) ? join(realpathSync(folder), basename(file)) : file;
}

/** A regular file: written beside its path, then renamed, with the mode and the owner of the old file. */
class FileDestination implements Destination {
  readonly isFresh = true;
  readonly #folder: string;
  #fd: number | null = null;

  constructor(
    private readonly file: string,
    private readonly before: Stats | null,
  ) {
    this.#folder = join(dirname(file), `${OURS}${process.pid}${TEMPORARY}`);
  }

  async write(text: string): Promise<void> {
    try {
      this.#fd ??= openSync(join(this.folder(), "text"), "w");
      writeAll(this.#fd, text);
    } catch (error) {
      throw unwritten(this.file, error, "The file is as it was.");
    }
  }

  folder(): string {
    if (!existsSync(this.#folder)) {
      removeAbandoned(dirname(this.file), OURS);
      mkdirSync(this.#folder);
    }
    return this.#folder;
  }

  async finish(name = "text"): Promise<void> {
    if (this.#fd === null && name === "text") await this.write("");
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
    const made = join(this.#folder, name);
    if (this.before !== null && this.before.nlink > 1) {
      // Other names of the same file keep showing the same content.
      await copyInto(made, openSync(this.file, "w"));
    } else {
      if (this.before !== null) keepOwner(made, this.before);
      publish(this.file, made);
    }
    this.abandon();
  }

  abandon(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Stdout, a device, a FIFO: what was written stays written. */
class StreamDestination implements Destination {
  isFresh = true;
  #folder: string | null = null;

  constructor(
    private readonly fd: number,
    private readonly path: string,
  ) {}

  async write(text: string): Promise<void> {
    this.isFresh = false;
    if (this.fd === 1) return toStdout(text);
    try {
      writeAll(this.fd, text);
    } catch (error) {
      throw unwritten(this.path, error, "What was written is not complete.");
    }
  }

  folder(): string {
    this.#folder ??= elsewhere();
    return this.#folder;
  }

  async finish(name?: string): Promise<void> {
    this.isFresh = false;
    try {
      if (name !== undefined) await copyInto(join(this.folder(), name), this.fd);
      else if (this.fd !== 1) closeSync(this.fd);
    } catch (error) {
      throw unwritten(this.path, error, "What was written is not complete.");
    }
    this.abandon();
  }

  abandon(): void {
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = null;
  }
}

/** A failed write as a sentence about the file; a reader that has closed its pipe (EPIPE) did not fail. */
function unwritten(path: string, error: unknown, hint: string): unknown {
  if (error instanceof TidemarkError || systemCode(error) === "EPIPE") return error;
  const isFull = spaceError(error, path) !== error;
  return new TidemarkError(isFull ? "DISK_FULL" : "OUTPUT", `${path} could not be written: ${sentence(error)}.`, hint);
}

function elsewhere(): string {
  removeAbandonedTemporary(OURS_ELSEWHERE);
  return temporaryFolder(OURS_ELSEWHERE);
}

function keepOwner(path: string, { mode, uid, gid }: Stats): void {
  chmodSync(path, mode & 0o7777);
  if (process.getuid?.() === 0) chownSync(path, uid, gid);
}

async function copyInto(file: string, fd: number): Promise<void> {
  for await (const bytes of createReadStream(file) as AsyncIterable<Uint8Array>) {
    if (fd === 1) await toStdout(bytes);
    else writeAll(fd, bytes);
  }
  if (fd !== 1) closeSync(fd);
}
