/** What a log is, on SQLite or Kafka: partitions of records with offsets, and consumer groups. */
import type { Problem } from "./problems.ts";

/** A record to append. `key` is the product id, `value` the message's bytes as received. */
export interface AppendRecord {
  key: string;
  value: Uint8Array;
  /**
   * When the frame left the socket, microseconds since 1970 UTC. Absent where no frame of the feed
   * came: trades from REST, notes of ours, records of another program.
   */
  received_us?: number;
}

/**
 * Records of one partition in offset order. Record i is the bytes [starts[i], ends[i]) of
 * `buffer(i)`.
 */
export interface LogBatch {
  partition: number;
  count: number;
  buffer(i: number): Uint8Array;
  starts: Uint32Array;
  ends: Uint32Array;
  offsets: Float64Array;
  /** When the log received each record, microseconds since 1970 UTC. */
  appended_us: Float64Array;
  /**
   * When each record's frame left the socket, microseconds since 1970 UTC; NaN where the log has no
   * receipt time. A NaN compares false with anything, so it never becomes a latency.
   */
  received_us: Float64Array;
  /** The key of record i. */
  key(i: number): string;
  /**
   * Kafka only: lost records, the offsets before the first record that hold neither a record nor a
   * transaction marker.
   */
  lost?: number;
}

/** One partition's records have the offsets `start` to `end − 1`. */
export interface PartitionSpan {
  partition: number;
  start: number;
  end: number;
}

/** A job's position in one partition, which it stores in its checkpoint. */
export interface LogPosition {
  /** The first unread offset. */
  next: number;
  /**
   * The newest append time of the records before it, microseconds since 1970 UTC; 0 if there is
   * none. If the time stamp there differs, this is not the log that was read before.
   */
  seen_us: number;
}

export interface ReaderOptions {
  /** Consumer group: shares the partitions (Kafka), and names the lag that is shown. */
  group: string;
  /**
   * Where to begin in a partition: the job's checkpoint, offset 0 if it has none; a bare offset if
   * it stores no more. Called again at each assignment.
   */
  position(partition: number): LogPosition | number;
  /**
   * Kafka only: the reader stops at the current end, so its fetches need not wait long for more.
   */
  until_end?: boolean;
  /**
   * Kafka only: return the records of all partitions in one order while this reader has them all.
   */
  merge?: {
    /** True if some product has records in several partitions. */
    isSpread(): boolean;
    /**
     * Called before `position`: true if the reader has all partitions, false if the group shares
     * them.
     */
    onHolds(all: boolean): void;
  };
  /** Kafka only: these partitions belong to another member from now on. */
  onRevoked?(partitions: number[]): void;
}

export interface LogReader {
  /**
   * The next records, in order within a partition; [] if none came within `timeout_ms` or after
   * `wake()`. Rejects with LOG_SHORTER_THAN_CHECKPOINT if `position` is outside of the log's
   * offsets, or if the record before it was appended later than the job has seen: that is another
   * log.
   */
  poll(limits: { records_max: number; timeout_ms: number }): Promise<LogBatch[]>;
  /**
   * Kafka only, where an offset may hold no record (a transaction marker, a compacted record): true
   * if the broker is reachable and idle long enough to conclude that no record remains before the
   * end.
   */
  dry?(): Promise<boolean>;
  /** Kafka only: why the broker does not respond, as a sentence; null while it does. */
  away?(): string | null;
  /** Ends a waiting poll at once, or the next one if none waits. */
  wake(): void;
  /** Stores the group's positions for lag display only; the job resumes from its checkpoint. */
  commit(positions: { partition: number; next: number }[]): Promise<void>;
  close(): Promise<void>;
}

export interface Log {
  readonly kind: "embedded" | "kafka";
  /** For people: `embedded:data/log.db` or `kafka://host:port/raw_prices`. */
  readonly name: string;
  /**
   * Resolves when the records are durable (docs/faults.md); records with one key keep their order.
   */
  append(records: AppendRecord[]): Promise<void>;
  spans(): Promise<PartitionSpan[]>;
  /** The last `records` records of every partition, up to its current end. */
  readLast(records: number): AsyncIterable<LogBatch>;
  /** The newest record of each key among the last `records` records of every partition. */
  tail(records: number): Promise<LogBatch[]>;
  reader(options: ReaderOptions): Promise<LogReader>;
  /**
   * Rejects with LOG_SHORTER_THAN_CHECKPOINT if the positions are not of this log: shorter, cut, or
   * another one.
   */
  verify(group: string, positions: ReadonlyMap<number, LogPosition>): Promise<void>;
  /**
   * Kafka only: the error to report if this user lacks a right that the pipeline needs; else null.
   */
  lacking?(): Promise<Error | null>;
  /** The positions that the group passed to `commit` last, by partition. */
  committed(group: string): Promise<{ partition: number; next: number }[]>;
  /** What a person must know about the log's records; absent if the log checks none. */
  problems?(): Problem[];
  close(): Promise<void>;
}
