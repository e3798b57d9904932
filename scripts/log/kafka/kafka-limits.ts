/** Limits of reading from and writing to a Kafka cluster, each with its unit and its reason. */

/** Time for a Kafka broker to respond when a log is opened. */
export const KAFKA_OPEN_MS = 10_000;
/**
 * A restarted broker may report an older end for a moment: a shorter log counts once it was seen
 * twice, this far apart.
 */
export const KAFKA_CONFIRM_MS = 1_000;
/**
 * A dead process's partitions are reassigned after this: the shortest that brokers accept by
 * default.
 */
export const KAFKA_SESSION_MS = 6_000;
/** max.message.bytes of the topics that we create: FRAME_BYTES_MAX and room for the envelope. */
export const KAFKA_RECORD_BYTES_MAX = 2_097_152;
/** Bytes and records of one produce request; brokers accept 1,048,588 bytes by default. */
export const KAFKA_SEND_BYTES_MAX = 900_000;
export const KAFKA_SEND_RECORDS_MAX = 10_000;
/**
 * Bytes of a partition per fetch: 8 MB need 150 MB more memory for the same CPU time, 1 MB a third
 * more CPU time.
 */
export const KAFKA_FETCH_BYTES_MAX = 2_097_152;
/**
 * Decompressed bytes of one batch: far above what producers pack (1 MB by default), far below the
 * memory.
 */
export const KAFKA_UNPACKED_BYTES_MAX = 67_108_864;
/**
 * Decompressed bytes per fetch of a partition, unless a single batch is larger; the rest is fetched
 * next.
 */
export const KAFKA_UNPACKED_FETCH_BYTES_MAX = 16_777_216;
/**
 * Wait of a fetch without records, at most a quarter of a session: a rebalance or a close is
 * noticed after it, and each fetch costs an idle stage CPU time.
 */
export const KAFKA_FETCH_WAIT_MS = 1_500;
/** The same for a reader that stops at the log's end. */
export const KAFKA_LAST_FETCH_WAIT_MS = 100;
/**
 * How often a reader without records compares its positions with the ends, to notice a topic that
 * was created again.
 */
export const KAFKA_CHECK_MS = 5_000;
/** Maximum age of the topic's metadata: added partitions are read after this. */
export const KAFKA_METADATA_MS = 3_000;
/**
 * Where a product may be in several partitions, a record waits this long for partitions at their
 * ends: an earlier record may still become visible there (replication, a request to another
 * broker).
 */
export const KAFKA_QUIET_MS = 500;
/** Time for each of the two connections that find out which listener a broker has. */
export const KAFKA_PROBE_MS = 3_000;
/**
 * Longest wait for a commit and for leaving the group: a stage ends within DRAIN_MS_MAX without a
 * broker too.
 */
export const KAFKA_COMMIT_MS = 1_000;
export const KAFKA_CLOSE_MS = 2_000;
/** Sessions without a record before a reader concludes that none remains before the end. */
export const KAFKA_DRY_SESSIONS = 2.5;
