/** Appends of one process, in order: those that arrive during a commit share the next one. */
import type { AppendRecord } from "../../contract/log.ts";

interface Waiting {
  records: AppendRecord[];
  resolve(): void;
  reject(error: unknown): void;
}

export class AppendQueue {
  #waiting: Waiting[] = [];
  #draining: Promise<void> | null = null;

  /** `commit` makes all records durable, in their order, or rejects. */
  constructor(private readonly commit: (records: AppendRecord[]) => Promise<void>) {}

  /** Settles as the commit that holds these records does. */
  append(records: AppendRecord[]): Promise<void> {
    if (records.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records, resolve, reject });
      this.#draining ??= Promise.resolve().then(() => this.#drain());
    });
  }

  /** Resolves when no commit is running. */
  async idle(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.commit(group.length === 1 ? group[0]!.records : group.flatMap((one) => one.records));
        for (const one of group) one.resolve();
      } catch (error) {
        for (const one of group) one.reject(error);
      }
    }
    this.#draining = null;
  }
}
