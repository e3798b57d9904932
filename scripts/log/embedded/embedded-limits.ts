/** Limits of the embedded log, each with its unit and its reason. */

/**
 * Bytes of one embedded block, far below the page cache: SQLite reads all pages of a block at once.
 */
export const BLOCK_BYTES_MAX = 1_000_000;
/** Records of one embedded block. */
export const BLOCK_RECORDS_MAX = 1_000;
/** Bytes of one poll, unless a single record is larger: bounds memory when records are large. */
export const POLL_BYTES_MAX = 16_000_000;
/** Smaller blocks are copied into one batch; larger ones are returned without a copy. */
export const SMALL_BLOCK_BYTES = 4_096;
/**
 * A waiting reader polls the embedded log this often: network file systems send no notifications.
 */
export const LOG_POLL_MS = 50;
/**
 * The same once a notification has arrived: 20 polls per second were 2/3 of an idle stage's CPU.
 */
export const LOG_POLL_RUNG_MS = 500;
/** One wait for the log's lock: it blocks the process, which must read its socket meanwhile. */
export const LOG_BUSY_MS = 100;
/**
 * After a gap this large between two append times the clock may be wrong: retention waits for its
 * correction.
 */
export const RETAIN_GAP_US = 86_400_000_000;
export const RETAIN_SETTLE_MS = 3_600_000;
