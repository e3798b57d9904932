/** The windows that the watermark closed, as windows.db keeps them; each row is read once. */
import type { Closing } from "../../scripts/contract/measures.ts";
import { NewestUsed } from "./newest-used.ts";
import type { StoreFile } from "./store-file.ts";

/** As many as the stream keeps. */
const CLOSINGS_MAX = 10_000;
/** What is derived of them: some for each of fifty selections. */
const MADE_MAX = 500;
const NEWEST = "SELECT max(seq) AS seq FROM closings";
const NEWER = `SELECT product_id, size_us, window_start_us, window_end_us, log_partition, log_offset, closed_time_us,
  received_us, is_appended, committed_us FROM closings WHERE seq > $after AND seq <= $upto ORDER BY seq`;

export class ClosingRows {
  #rows: Closing[] = [];
  #epoch = "";
  #newest = 0;
  readonly #made = new NewestUsed<string, { version: string; value: unknown }>(MADE_MAX);

  constructor(private readonly file: StoreFile) {}

  /** One product's windows of one size, in the order in which they were closed. */
  of(product: string, size_us: number): readonly Closing[] {
    this.#read();
    return this.once(`${size_us} ${product}`, "", () =>
      this.#rows.filter((row) => row.product_id === product && row.size_us === size_us),
    );
  }

  /**
   * Calls `make` once per `name` and `version`, until another window is closed; only the newest version
   * is kept. Call `of` first.
   */
  once<T>(name: string, version: string, make: () => T): T {
    const known = this.#made.get(name);
    if (known?.version === version) return known.value as T;
    const value = make();
    this.#made.set(name, { version, value });
    return value;
  }

  #read(): void {
    const { epoch } = this.file;
    const newest = this.file.get<{ seq: number | null }>(NEWEST)?.seq ?? 0;
    if (epoch === this.#epoch && newest === this.#newest) return;
    const isNew = epoch !== this.#epoch || newest < this.#newest;
    const after = isNew ? 0 : this.#newest;
    const read = this.file.all<Closing>(NEWER, { after, upto: newest });
    this.#rows = [...(isNew ? [] : this.#rows), ...read].slice(-CLOSINGS_MAX);
    this.#epoch = epoch;
    this.#newest = newest;
    this.#made.clear();
  }
}
