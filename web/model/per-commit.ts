/** What is derived from a file of a stage, until another process commits to it or replaces it. */
import type { StoreFile } from "./store-file.ts";

export class PerCommit {
  #version = -1;
  #epoch = "";
  readonly #made = new Map<string, unknown>();

  constructor(private readonly file: StoreFile) {}

  /** Calls `make` once per `name` and commit. */
  once<T>(name: string, make: () => T): T {
    const { version, epoch } = this.file;
    if (version !== this.#version || epoch !== this.#epoch) this.#made.clear();
    this.#version = version;
    this.#epoch = epoch;
    if (!this.#made.has(name)) this.#made.set(name, make());
    return this.#made.get(name) as T;
  }
}
