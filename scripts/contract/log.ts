/** The log's interface (design.md "Log"): append-only, offsets, partitions, consumer groups. Two implementations: log/embedded/ and log/kafka/. */

import type { TidemarkError } from "../base/errors.ts";
import type { Problem } from "./problems.ts";

/** A record to append. `key` is the product id; `value` the message's bytes as they came. */
export interface AppendRecord {
  key: string;
  value: Uint8Array;
}

/** Records of one partition in offset order. Record i is `buffer(i)` from `starts[i]` up to, not including, `ends[i]`. */
export interface LogBatch {
  partition: number;
  count: number;
  buffer(i: number): Uint8Array;
  starts: Uint32Array;
  ends: Uint32Array;
  offsets: Float64Array;
  /** When the log took each record, microseconds since 1970 UTC. */
  appended_us: Float64Array;
  /** The key of record i. */
  key(i: number): string;
  /** Kafka only: offsets just before the first record that hold neither a record nor a transaction's marker: lost records. */
  lost?: number;
}

/** One partition's span: records have offsets `start` … `end − 1`. */
export interface PartitionSpan {
  partition: number;
  start: number;
  end: number;
}

/** How far a job is in one partition. */
export interface LogPosition {
  /** The first unread offset. */
  next: number;
  /** The newest append time (µs) among the records before it; 0 when there is none. A log that says otherwise there is another log. */
  seen_us: number;
}

export interface ReaderOptions {
  /** Consumer group, for sharing partitions (Kafka) and for the lag that is shown. */
  group: string;
  /**
   * The job's own checkpoint: where to begin in a partition, offset 0 when it has none; a bare offset from who keeps no more.
   * Asked again at each assignment.
   */
  position(partition: number): LogPosition | number;
  /** Kafka only: it is closed once it has read what is there, so that it need not wait long for more. */
  until_end?: boolean;
  /** Kafka only: give the records of all partitions in one order (log/merge.ts) whenever this reader holds them all. */
  merge?: {
    /** Whether some product is known to be in several partitions. */
    isSpread(): boolean;
    /** Called before `position`: whether the reader holds all partitions, or other members of the group hold some. */
    onHolds(all: boolean): void;
  };
  /** Kafka only: partitions came or went. Called before the first record of a newly assigned partition. */
  onAssigned?(partitions: number[]): void;
  onRevoked?(partitions: number[]): void;
}

export interface LogReader {
  /**
   * The next records, in order within a partition; [] when none came within `timeout_ms` or after `wake()`.
   * Rejects with LOG_SHORTER_THAN_CHECKPOINT when `position` lies beyond the end or before the start of what the log holds, or when
   * what lies before it was appended later than the job has seen: that is another log.
   */
  poll(limits: { records_max: number; timeout_ms: number }): Promise<LogBatch[]>;
  /**
   * Kafka only, where an offset may be no record (a transaction's marker, a record compacted away): whether nothing has come for so long,
   * although the log can be reached, that no record is left before a noted end.
   */
  dry?(): Promise<boolean>;
  /** Kafka only: a sentence while the broker does not answer, null while it does. */
  away?(): string | null;
  /** Ends a waiting poll at once. */
  wake(): void;
  /** Tells the log how far the group is, for lag display only: the truth is the job's checkpoint. `next` is the first unread offset. */
  commit(positions: { partition: number; next: number }[]): Promise<void>;
  close(): Promise<void>;
}

export interface Log {
  readonly kind: "embedded" | "kafka";
  /** For people: `embedded:data/log.db` or `kafka://host:port/raw_prices`. */
  readonly name: string;
  /** Resolves when the records are durable in the sense of docs/faults.md; keeps the order of records with the same key. */
  append(records: AppendRecord[]): Promise<void>;
  spans(): Promise<PartitionSpan[]>;
  /** The newest record of each key in the last `records` records of every partition (to go on after a restart). */
  tail(records: number): Promise<LogBatch[]>;
  reader(options: ReaderOptions): Promise<LogReader>;
  /** Rejects with LOG_SHORTER_THAN_CHECKPOINT when a job's positions don't belong to this log: it is shorter, cut before them, or another one. */
  verify(group: string, positions: ReadonlyMap<number, LogPosition>): Promise<void>;
  /** Kafka only: the rights that a whole pipeline needs and this user lacks, as the error to report; null when all are there. */
  lacking?(): Promise<TidemarkError | null>;
  /** Offsets last given to `commit`, by group and partition. */
  committed(group: string): Promise<{ partition: number; next: number }[]>;
  /** What a person must know of the log's records; absent where the log itself notices nothing. */
  problems?(): Problem[];
  close(): Promise<void>;
}
