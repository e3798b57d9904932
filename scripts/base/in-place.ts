/** Whether an open SQLite file is still the one at its path: SQLite keeps writing to a deleted file. */
import { realpathSync, statSync } from "node:fs";
import { TidemarkError } from "./errors.ts";

const SUFFIXES = ["", "-wal", "-shm"];

export class InPlace {
  readonly #real: string;
  readonly #inodes: (number | null)[];

  /** For a file in WAL mode that was written to, so that all its companions exist. */
  constructor(private readonly path: string) {
    this.#real = realpathSync(path);
    this.#inodes = SUFFIXES.map((suffix) => inodeOf(this.#real + suffix));
  }

  /** Fails with DATA_DIR when the file, its -wal or its -shm was removed or replaced. */
  assert(): void {
    const now = SUFFIXES.map((suffix) => inodeOf(this.#real + suffix));
    const at = SUFFIXES.findIndex((_, i) => this.#inodes[i] !== null && now[i] !== this.#inodes[i]);
    if (at < 0 && inodeOf(this.path) === this.#inodes[0]) return;
    throw new TidemarkError(
      "DATA_DIR",
      `${this.path}${SUFFIXES[Math.max(at, 0)]} was removed or replaced while it was in use.`,
      "Bring it back, or start again: a missing file is built again from the log.",
    );
  }
}

function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}
