/** Bounds of what is read from and written to a Kafka cluster, each with its unit and its reason. */

/** How long a Kafka broker may take to answer when a log is opened. */
export const KAFKA_OPEN_MS = 10_000;
/** A broker that just came back may show an older end for a moment: a shorter log is believed when it is seen twice, this far apart. */
export const KAFKA_CONFIRM_MS = 1_000;
/** A dead process's partitions go to the others of its group, or to its own next start, after this: the shortest that a broker takes by default. */
export const KAFKA_SESSION_MS = 6_000;
/** Bytes of one record that a topic made by us takes: FRAME_BYTES_MAX and room for the envelope. */
export const KAFKA_RECORD_BYTES_MAX = 2_097_152;
/** Bytes and records of one produce request; brokers take 1,048,588 bytes by default. */
export const KAFKA_SEND_BYTES_MAX = 900_000;
export const KAFKA_SEND_RECORDS_MAX = 10_000;
/** Bytes fetched of a partition at once: 8 MB cost the same CPU time and 150 MB more memory, 1 MB costs a third more CPU time. */
export const KAFKA_FETCH_BYTES_MAX = 2_097_152;
/** Bytes of one batch once decompressed: far above what a producer packs (1 MB by default), far below this machine's memory. */
export const KAFKA_UNPACKED_BYTES_MAX = 67_108_864;
/** Decompressed bytes of one fetch of a partition, besides a single larger batch; what is beyond comes with the next fetch. */
export const KAFKA_UNPACKED_FETCH_BYTES_MAX = 16_777_216;
/** A fetch without news ends after this, or after a quarter of a shorter session: it bounds how long a rebalance or a close goes unnoticed, and an idle stage pays for each. */
export const KAFKA_FETCH_WAIT_MS = 1_500;
/** The same for a reader that goes at the log's end. */
export const KAFKA_LAST_FETCH_WAIT_MS = 100;
/** A silent partition's end is compared with the reader's place this often, to notice a topic that was made anew. */
export const KAFKA_LOOK_MS = 5_000;
/** Age of the topic's metadata before it is asked for again: partitions that were added are read after this. */
export const KAFKA_METADATA_MS = 3_000;
/**
 * Where a product may be in several partitions, a record waits this long for partitions that are at their ends: a record with an
 * earlier append time may still become visible there (replication, a producer's request to another broker).
 */
export const KAFKA_QUIET_MS = 500;
/** How long each of two connections may take that find out what kind of listener a broker has. */
export const KAFKA_PROBE_MS = 3_000;
/** A note of how far the group is, and a leave, are not waited for longer: a stage ends within DRAIN_MS_MAX also when the broker is away. */
export const KAFKA_COMMIT_MS = 1_000;
export const KAFKA_CLOSE_MS = 2_000;
/** Sessions without a record after which a topic is taken to hold no more before a noted end. */
export const KAFKA_DRY_SESSIONS = 2.5;
