/** The records of one fetch, stored as columns over its bytes: no object per record. */
import type { LogBatch } from "../../contract/log.ts";
import { ByteCursor } from "./byte-cursor.ts";

/**
 * Record i's value is the bytes [starts[i], ends[i]), with ends < starts for none (a tombstone);
 * its key's length is at keys[i].
 */
export interface Columns {
  bytes: Buffer;
  keys: Uint32Array;
  starts: Uint32Array;
  ends: Uint32Array;
  offsets: Float64Array;
  appended_us: Float64Array;
  /** NaN where the record has no valid header `received`. */
  received_us: Float64Array;
}

/** A message as kafkajs represents it. */
export interface FetchedMessage {
  key: Buffer | null;
  value: Buffer | null;
  timestamp: string;
  offset: string;
  attributes: number;
  headers: Record<string, never>;
  isControlRecord: false;
}

/**
 * Records of one partition instead of kafkajs's array of messages, of which kafkajs uses the
 * length, the first, the last and a filter.
 */
export class FetchedRecords {
  [index: number]: FetchedMessage;

  readonly #columns: Columns;

  constructor(columns: Columns) {
    this.#columns = columns;
    const last = this.length - 1;
    if (last < 0) return;
    this[0] = this.message(0);
    this[last] = this.message(last);
  }

  get length(): number {
    return this.#columns.offsets.length;
  }

  /**
   * Offsets rise and kafkajs filters by offset alone, so the records that it keeps are the last
   * ones.
   */
  filter(keeps: (message: FetchedMessage) => boolean): FetchedRecords {
    let low = 0;
    for (let high = this.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (keeps(this.message(middle))) high = middle;
      else low = middle + 1;
    }
    return low === 0 ? this : this.#from(low);
  }

  some(is: (message: FetchedMessage) => boolean): boolean {
    return this.length > 0 && is(this.message(0));
  }

  *[Symbol.iterator](): Generator<FetchedMessage> {
    for (let i = 0; i < this.length; i++) yield this.message(i);
  }

  message(i: number): FetchedMessage {
    const { bytes, starts, ends, offsets, appended_us } = this.#columns;
    const value = ends[i]! < starts[i]! ? null : bytes.subarray(starts[i], ends[i]);
    const [offset, timestamp] = [String(offsets[i]), String(appended_us[i]! / 1_000)];
    return { key: this.#key(i), value, timestamp, offset, attributes: 0, headers: {}, isControlRecord: false };
  }

  /** The same as a LogBatch; a record without a value is an empty one. */
  batch(partition: number): LogBatch {
    const { bytes, starts, offsets, appended_us, received_us } = this.#columns;
    const count = this.length;
    const ends = this.#columns.ends.map((end, i) => Math.max(end, starts[i]!));
    const key = (i: number) => this.#key(i)?.toString() ?? "";
    return { partition, count, buffer: () => bytes, starts, ends, offsets, appended_us, received_us, key };
  }

  #key(i: number): Buffer | null {
    const { bytes, keys } = this.#columns;
    const cursor = new ByteCursor(bytes, keys[i]!);
    const length = cursor.varint();
    return length < 0 ? null : bytes.subarray(cursor.at, cursor.at + length);
  }

  #from(first: number): FetchedRecords {
    const { bytes, keys, starts, ends, offsets, appended_us, received_us } = this.#columns;
    return new FetchedRecords({
      bytes,
      keys: keys.subarray(first),
      starts: starts.subarray(first),
      ends: ends.subarray(first),
      offsets: offsets.subarray(first),
      appended_us: appended_us.subarray(first),
      received_us: received_us.subarray(first),
    });
  }
}
