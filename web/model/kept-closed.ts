/** Newest windows of a product, newest first, of which the closed ones are read once. */
import type { UsSpan } from "./kept-bars.ts";
import { NewestUsed } from "./newest-used.ts";
import type { StoreFile } from "./store-file.ts";

/** Questions whose rows are kept; of each as many as it asks for, 720 at most. */
const QUESTIONS_MAX = 24;
const STATE = `SELECT (SELECT rowid || ' ' || updated_at FROM window_revisions ORDER BY rowid DESC LIMIT 1) AS revision,
  (SELECT closed_until_us FROM closed_ends WHERE product_id = $product AND size_us = $size_us) AS closed_us`;

interface Question {
  product: string;
  size_us: number;
  limit: number;
}

export class KeptClosed {
  readonly #kept = new NewestUsed<string, { version: string; rows: readonly object[] }>(QUESTIONS_MAX);

  constructor(private readonly file: StoreFile) {}

  /**
   * `read` returns rows of windows that start in a span (`to_us` exclusive), newest first; those of
   * closed ones may depend on nothing but the windows and their revisions. `name`: of the question.
   */
  rows<T extends object>(
    name: string,
    { product, size_us, limit }: Question,
    read: (of: UsSpan & Question) => readonly T[],
  ): T[] {
    const state = this.file.get<{ revision: string | null; closed_us: number | null }>(STATE, { product, size_us });
    const closed_us = state?.closed_us ?? null;
    // All windows that start before it are closed, and no other one can open there.
    const open_us = closed_us === null ? Number.MIN_SAFE_INTEGER : closed_us - size_us + 1;
    const span = { product, size_us, limit };
    const newer = read({ ...span, from_us: open_us, to_us: Number.MAX_SAFE_INTEGER });
    if (closed_us === null || newer.length >= limit) return newer.slice(0, limit);
    const key = `${name} ${limit} ${size_us} ${product}`;
    const version = `${this.file.epoch} ${closed_us} ${state?.revision}`;
    const known = this.#kept.get(key);
    const isKnown = known?.version === version;
    const rows = isKnown
      ? (known.rows as readonly T[])
      : read({ ...span, from_us: Number.MIN_SAFE_INTEGER, to_us: open_us });
    // What can't be read is empty (StoreFile.lenient), and is not kept as such.
    if (this.file.failure === null) this.#kept.set(key, { version, rows });
    return [...newer, ...rows].slice(0, limit);
  }
}
