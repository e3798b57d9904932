/** stream_csv/: one line a closed window, the reference's columns first. Derived: its length is committed with the rows, and what goes beyond is cut off. */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { csvLine } from "../base/csv.ts";
import { sentence, systemCode, TidemarkError } from "../base/errors.ts";
import type { WindowRow } from "../contract/window.ts";
import { CSV_COLUMNS, REPLACED_COLUMNS, WINDOW_COLUMNS } from "../contract/window-columns.ts";

const HEADER = `${CSV_COLUMNS.join(",")}\n`;
/** What the files of every version begin with. */
const BEGINNING = REPLACED_COLUMNS.join(",");
const isText = (column: number) => WINDOW_COLUMNS[CSV_COLUMNS[column]!].kind === "text";

export class WindowCsv {
  readonly #path: string;
  #fd: number;

  /** Opens `dir/name`; `rows` are the closed windows that were committed, for a file that was lost. DATA_DIR when it is no regular file. */
  constructor(
    private readonly dir: string,
    readonly name: string,
    private readonly rows: () => Iterable<WindowRow>,
  ) {
    this.#path = join(dir, name);
    this.#fd = this.#open();
  }

  /** False when the file was removed or replaced; then `append`, also of nothing, writes it again. */
  isInPlace(): boolean {
    return lstatSync(this.#path, { throwIfNoEntry: false })?.ino === fstatSync(this.#fd).ino;
  }

  /**
   * Appends closed windows behind the first `committed_bytes`, and gives the new length. What is behind them (of a process that
   * died before its commit) is cut off; a file that is shorter than that is written again. For one process at a time.
   * DATA_DIR when a file is in its place that no stream wrote.
   */
  append(rows: WindowRow[], committed_bytes: number): number {
    if (!this.isInPlace()) {
      closeSync(this.#fd);
      this.#fd = this.#open();
    }
    if (committed_bytes === 0 && !isOurs(this.#fd)) throw this.#foreign("was not written by `stream`");
    const length = fstatSync(this.#fd).size;
    if (length > committed_bytes) ftruncateSync(this.#fd, committed_bytes);
    let at = committed_bytes;
    if (committed_bytes === 0 || length < committed_bytes) {
      ftruncateSync(this.#fd, 0);
      at = this.#write(HEADER, 0);
      for (const row of this.rows()) at = this.#write(line(row), at);
    }
    const text = rows.toSorted(byEnd).map(line).join("");
    return text === "" ? at : this.#write(text, at);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Never through a link, whose target is somebody's file, and never waiting for a FIFO's other end. */
  #open(): number {
    mkdirSync(this.dir, { recursive: true });
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    try {
      const fd = openSync(this.#path, flags);
      if (fstatSync(fd).isFile()) return fd;
      closeSync(fd);
    } catch (error) {
      if (systemCode(error) === "ELOOP") throw this.#foreign("is a link");
      if (systemCode(error) !== "EISDIR") throw this.#foreign(`can't be opened: ${sentence(error)}`);
    }
    throw this.#foreign("is not a regular file");
  }

  #foreign(what: string): TidemarkError {
    return new TidemarkError("DATA_DIR", `${this.#path} ${what}.`, "Move it away: `stream` writes its own file there.");
  }

  #write(text: string, at: number): number {
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, at + done);
    }
    return at + bytes.length;
  }
}

/** Removes what `stream` wrote to a folder; anything else there stays, and a folder behind a link is left alone. */
export function removeCsv(dir: string): void {
  if (!lstatSync(dir, { throwIfNoEntry: false })?.isDirectory()) return;
  for (const name of readdirSync(dir).filter((name) => /^windows_\w+\.csv$/.test(name))) {
    const path = join(dir, name);
    if (!lstatSync(path).isFile()) continue;
    const fd = openSync(path, "r");
    const ours = fstatSync(fd).size > 0 && isOurs(fd);
    closeSync(fd);
    if (ours) rmSync(path);
  }
}

/** Whether a file is empty or begins as one of ours. */
function isOurs(fd: number): boolean {
  const bytes = new Uint8Array(BEGINNING.length);
  const length = readSync(fd, bytes, 0, bytes.length, 0);
  return length === 0 || Buffer.from(bytes).toString("latin1") === BEGINNING;
}

/** The order within one commit, the same when the file is written anew. */
function byEnd(a: WindowRow, b: WindowRow): number {
  return a.window_end_us - b.window_end_us || (a.product_id < b.product_id ? -1 : a.product_id > b.product_id ? 1 : 0);
}

function line(row: WindowRow): string {
  return csvLine(
    CSV_COLUMNS.map((column) => row[column]),
    isText,
  );
}
