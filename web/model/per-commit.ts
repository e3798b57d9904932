/** What is derived from a file of a stage, until another process commits to it or replaces it. */
import { NewestUsed } from "./newest-used.ts";
import type { StoreFile } from "./store-file.ts";

/** About ten names for each of fifty selections: addresses can name any product. */
const KEPT_MAX = 500;

export class PerCommit {
  #version = -1;
  #epoch = "";
  readonly #made = new NewestUsed<string, unknown>(KEPT_MAX);

  constructor(private readonly file: StoreFile) {}

  /** Calls `make` once per `name` and commit, while the name is used. */
  once<T>(name: string, make: () => T): T {
    const { version, epoch } = this.file;
    if (version !== this.#version || epoch !== this.#epoch) this.#made.clear();
    this.#version = version;
    this.#epoch = epoch;
    if (this.#made.has(name)) return this.#made.get(name) as T;
    const made = make();
    this.#made.set(name, made);
    return made;
  }
}
