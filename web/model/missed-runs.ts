/** How many due times of the batch passed without a run; each row is read once. */
import type { StoreFile } from "./store-file.ts";

const NEWEST = "SELECT max(run_id) AS run_id FROM runs";
/** A missed run is written as such, and never becomes another. */
const COUNT = "SELECT count(*) AS n FROM runs WHERE run_id > $after AND run_id <= $upto AND state = 'missed'";

export class MissedRuns {
  #count = 0;
  #epoch = "";
  #newest = 0;

  constructor(private readonly file: StoreFile) {}

  get count(): number {
    const { epoch } = this.file;
    const newest = this.file.get<{ run_id: number | null }>(NEWEST)?.run_id ?? 0;
    if (epoch !== this.#epoch || newest < this.#newest) [this.#count, this.#newest] = [0, 0];
    this.#epoch = epoch;
    const found = this.file.get<{ n: number }>(COUNT, { after: this.#newest, upto: newest });
    if (found === null) return this.#count;
    this.#count += found.n;
    this.#newest = newest;
    return this.#count;
  }
}
