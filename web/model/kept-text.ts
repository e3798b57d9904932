/** A text file that a stage writes, parsed again only when it is another one. */
import { readFileSync, statSync } from "node:fs";

export class KeptText<T> {
  #file = "never read";
  #value: T | undefined;

  /** `parse` gets "" while the file can't be read. */
  constructor(
    private readonly path: string,
    private readonly parse: (text: string) => T,
  ) {}

  /** The same object until the file changes: not to be changed. */
  get value(): T {
    const stat = statSync(this.path, { throwIfNoEntry: false });
    // Read before the text: what is written meanwhile is read by the next question.
    const file = stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`;
    if (file !== this.#file || this.#value === undefined) {
      this.#file = file;
      this.#value = this.parse(file === "" ? "" : textOf(this.path));
    }
    return this.#value;
  }
}

/** "" when the file can't be read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
