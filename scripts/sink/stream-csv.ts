/** stream_csv/: one line per closed window, derived from the committed rows. */
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

/** One file of stream_csv/, for one window size; its length is committed with the rows. */
export class WindowCsv {
  readonly #path: string;
  #fd: number;

  /**
   * Opens `dir/name`, or fails with DATA_DIR if it is not a regular file. `rows`: the committed
   * closed windows, for a file that was lost.
   */
  constructor(
    private readonly dir: string,
    readonly name: string,
    private readonly rows: () => Iterable<WindowRow>,
  ) {
    this.#path = join(dir, name);
    this.#fd = this.#open();
  }

  /** False if the file was removed or replaced: then `append`, also of nothing, writes it again. */
  isInPlace(): boolean {
    return lstatSync(this.#path, { throwIfNoEntry: false })?.ino === fstatSync(this.#fd).ino;
  }

  /**
   * Appends closed windows after `committed_bytes` and returns the new length, or fails with DATA_DIR
   * if `stream` did not write the file. What a killed process wrote beyond is cut off, a shorter file
   * is written again; one process at a time may call it.
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

  /** Does not follow a link, whose target is a user's file, nor wait for the other end of a FIFO. */
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

/** Removes what `stream` wrote to a folder; other files stay, a link to a folder is left alone. */
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

/** The order within one commit, which is that of a file written again. */
function byEnd(a: WindowRow, b: WindowRow): number {
  return a.window_end_us - b.window_end_us || (a.product_id < b.product_id ? -1 : a.product_id > b.product_id ? 1 : 0);
}

function line(row: WindowRow): string {
  return csvLine(
    CSV_COLUMNS.map((column) => row[column]),
    isText,
  );
}
