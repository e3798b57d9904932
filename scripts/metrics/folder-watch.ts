/** Notices that a metric file of a folder was added, changed or removed. */
import { type FSWatcher, statSync, watch } from "node:fs";
import { join } from "node:path";
import { FOLDER_LOOK_MS, FOLDER_SETTLE_MS } from "../base/limits.ts";
import { onAbort } from "../base/wait.ts";
import { metricNames } from "./metric.ts";

/** One folder; the file system's events, where it has them, shorten the wait for the next poll. */
export class MetricFolder {
  #seen = "";
  #watcher: FSWatcher | null = null;
  #event = Promise.withResolvers<void>();

  constructor(private readonly dir: string) {}

  /** From here on a difference to what is there now is a change. */
  remember(): void {
    this.#seen = this.versions();
  }

  /**
   * Resolves when the folder differs from the last `remember` and has been quiet for a moment (an editor
   * writes in several steps), or when `signal` is aborted.
   */
  async changed(signal: AbortSignal): Promise<void> {
    let before = this.#seen;
    while (!signal.aborted) {
      const now = this.versions();
      if (now !== this.#seen && now === before) return;
      const settling = now !== before;
      before = now;
      await this.#wait(settling ? FOLDER_SETTLE_MS : FOLDER_LOOK_MS, !settling, signal);
    }
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  /** Which files are there, and which version of each. */
  versions(): string {
    try {
      const line = (name: string) => {
        const stat = statSync(join(this.dir, `${name}.sql`), { throwIfNoEntry: false });
        return `${name} ${stat?.mtimeMs} ${stat?.size} ${stat?.ino}`;
      };
      return metricNames(this.dir).map(line).join("\n");
    } catch {
      return "the folder can't be read";
    }
  }

  async #wait(ms: number, wakes: boolean, signal: AbortSignal): Promise<void> {
    if (this.#watcher === null) this.#listen();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const forget = onAbort(signal, resolve);
    await (wakes ? Promise.race([promise, this.#event.promise]) : promise);
    forget();
    clearTimeout(timer);
    this.#event = Promise.withResolvers<void>();
  }

  /** Some file systems send no events, and a folder that was created again sends none: it is also polled. */
  #listen(): void {
    try {
      this.#watcher = watch(this.dir, { persistent: false }, (event) => {
        this.#event.resolve();
        // The folder itself may be gone: the next wait listens to what has its name then.
        if (event === "rename") this.close();
      });
      this.#watcher.on("error", () => this.close());
    } catch {
      this.#watcher = null;
    }
  }
}
