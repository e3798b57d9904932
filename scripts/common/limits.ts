/** Every bound in one place, with its unit and its reason. Nothing in Tidemark grows past one of these. */

/** Records taken from the log at once: large enough to amortise a commit, small enough to keep memory flat. */
export const POLL_RECORDS_MAX = 20_000;
/** Bytes of one embedded block: SQLite pages of a block are read together, so a block stays well under the page cache. */
export const BLOCK_BYTES_MAX = 1_000_000;
/** Records of one embedded block. */
export const BLOCK_RECORDS_MAX = 1_000;
/** Ticks that the feed may hold while the log is slow or full: then the socket is no longer read. */
export const FEED_BUFFER_RECORDS_MAX = 100_000;
/** Bytes of one frame from the exchange; a longer one is a fault of the peer (feed.md: a level2 snapshot is hundreds of kB). */
export const FRAME_BYTES_MAX = 1_048_576;
/** A connection without any frame for so long is dead, heartbeats come once a second (feed.md). */
export const FEED_SILENCE_MS_MAX = 5_000;
/** Back-off of reconnects: full jitter over min(cap, base · 2^n). */
export const RECONNECT_BASE_MS = 500;
export const RECONNECT_CAP_MS = 30_000;
/** How long `start` tries the live feed before it plays the recording. */
export const FEED_FIRST_CONNECT_MS = 5_000;
/** REST back-fill requests a second; the exchange allows 10 (feed.md), we take half. */
export const REST_PER_SECOND_MAX = 5;
/** Fraction digits kept of a price and of a size, and their integer digits: DECIMAL(18,10) and DECIMAL(18,8) in the archive. */
export const PRICE_SCALE_MAX = 10;
export const SIZE_SCALE_MAX = 8;
export const PRICE_INTEGER_DIGITS_MAX = 8;
export const SIZE_INTEGER_DIGITS_MAX = 10;
/** Blocks of 4,096 trade ids held in memory as duplicates' marks; older ones are read back from windows.db when asked for. */
export const SEEN_BLOCKS_MAX = 50_000;
/** Closed windows held in memory for late ticks; older ones are read back from windows.db. */
export const CLOSED_WINDOWS_CACHE_MAX = 256;
/** Milliseconds that SQLite waits for a lock before it reports one. */
export const BUSY_TIMEOUT_MS = 5_000;
/** A store up to this size is read whole when it is opened (0.7 s); all of 10 million ticks would be 3 s, and 26 s from a cold disk. */
export const QUICK_CHECK_BYTES_MAX = 268_435_456;
/** A stage's process that has said nothing of itself for so long has ended: another one's figures are shown then. */
export const FIGURES_SILENT_US = 5_000_000;
/** How long one that finds a stage's lock taken waits for the holder's pid to be written. */
export const LOCK_LOOK_MS = 2_000;
/** Time for a drain after SIGTERM; then the process ends anyway. */
export const DRAIN_MS_MAX = 5_000;
/** One metric's time and memory. */
export const METRIC_MS_MAX = 30_000;
export const METRIC_MEMORY = "1GB";
/** A query that doesn't end so long after it was told to is left alone with its instance. */
export const INTERRUPT_MS_MAX = 2_000;
/** Spark's own start on a busy machine; then each metric has METRIC_MS_MAX. */
export const SPARK_START_MS_MAX = 120_000;
/** Ticks that a batch moves into the archive at once: a read this long keeps neither SQLite's WAL nor memory growing (faults.md 24). */
export const ARCHIVE_SLICE_ROWS = 250_000;
/** Ticks that prune takes out of ticks.db at once: about 20 ms, so that consume hardly waits. */
export const PRUNE_SLICE_ROWS = 5_000;
/** Parquet files of one kind that may still grow; more are merged. */
export const ARCHIVE_SMALL_FILES_MAX = 8;
/** Ticks in one file of the archive: sorting more at once takes more than half of METRIC_MEMORY. */
export const ARCHIVE_FILE_ROWS_MAX = 1_000_000;
/** Sums of ids and times that are compared across SQLite, DuckDB and Parquet are taken modulo this prime, so that they fit 64 bits. */
export const SUM_MODULUS = 1_000_003;
/** Bytes read at once for a checksum. */
export const CHECKSUM_READ_BYTES = 1_048_576;
/** A reader whose files a batch replaces meanwhile begins again this often. */
export const ARCHIVE_READ_TRIES_MAX = 5;
/** Files of the market summary kept in batch_output/, and rows of the run history kept in results.db (ten weeks of a run a minute). */
export const SUMMARY_FILES_MAX = 1_000;
export const RUNS_KEPT_MAX = 100_000;
/** Due times noted one by one when a run went past them; of more, the newest. */
export const MISSED_NOTED_MAX = 1_000;
/** A folder of metric files is looked at this often where the file system doesn't tell; a change counts once it has been quiet for so long. */
export const FOLDER_LOOK_MS = 1_000;
export const FOLDER_SETTLE_MS = 100;
/** Rows kept of one metric's result, and rows answered by one API call. */
export const METRIC_ROWS_MAX = 10_000;
/** Characters of a result's row on average; METRIC_MEMORY bounds what DuckDB holds, this what we take out of it. */
export const ROW_CHARACTERS_MAX = 8_192;
export const API_ROWS_MAX = 10_000;
/** Pages open at once. */
export const SSE_CLIENTS_MAX = 2_000;
/** Restarts of a child within a minute, after which `start` gives up. */
export const CHILD_RESTARTS_MAX = 5;
/** Products remembered by name at once; more only cost a look-up. */
export const PRODUCTS_MAX = 10_000;
/** Bytes that one poll of the log gives, besides a single larger record: bounds memory when records are large. */
export const POLL_BYTES_MAX = 16_000_000;
/** Blocks below this size are read many at a time into one batch; larger ones are handed on without a copy. */
export const SMALL_BLOCK_BYTES = 4_096;
/** A waiting reader of the embedded log looks by itself this often, where file notifications don't come (network file systems). */
export const LOG_LOOK_MS = 50;
/** And this often once it has heard a notification: twenty looks a second were two thirds of an idle stage's work. */
export const LOG_LOOK_RUNG_MS = 500;
/** An appender waits so long for the log's lock in one go: it must not stand in the way of the socket it reads. */
export const LOG_BUSY_MS = 100;
/** Partitions of a log, and log offsets of a partition: together they fit a safe integer (log/log.sql). */
export const PARTITIONS_MAX = 1_024;
export const OFFSETS_MAX = 2 ** 43;
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
/** So often, in bytes read of a log, a job looks at its memory, and above so much it collects what it no longer needs: at Bun's own pace a drain of 20 million messages grows to 280 MB. */
export const MEMORY_LOOK_BYTES = 33_554_432;
export const COLLECT_ABOVE_BYTES = 190_000_000;
/** Bytes fetched of a partition at once: 8 MB cost the same CPU time and 150 MB more memory, 1 MB costs a third more CPU time. */
export const KAFKA_FETCH_BYTES_MAX = 2_097_152;
/** A fetch without news ends after this, or after a quarter of a shorter session: it bounds how long a rebalance or a close goes unnoticed, and an idle stage pays for each. */
export const KAFKA_FETCH_WAIT_MS = 1_500;
/** The same for a reader that goes at the log's end. */
export const KAFKA_LAST_FETCH_WAIT_MS = 100;
/** A silent partition's end is compared with the reader's place this often, to notice a topic that was made anew. */
export const KAFKA_LOOK_MS = 5_000;
/** An unpacked recording: it is held in memory while it plays. */
export const RECORDING_BYTES_MAX = 1_000_000_000;
/** A client that has not subscribed by then is cut (feed.md "On subscribing"). */
export const SUBSCRIBE_MS_MAX = 5_000;
/** Trades that the stand-in's REST answers go back. */
export const REST_HISTORY_MAX = 100_000;
/** Ids that one gap of the full tape may span to be filled from REST; a larger one is an outage at once. */
export const GAP_IDS_MAX = 10_000;
/** Tries of one REST page before the gap is called unfillable. */
export const REST_TRIES_MAX = 6;
/** Bytes of frames that the feed may hold while the log is slow: with large frames this bound comes before FEED_BUFFER_RECORDS_MAX. */
export const FEED_BUFFER_BYTES_MAX = 64_000_000;
/** Records of one append: a commit of these takes about 10 ms, so that the socket is read often enough. */
export const FEED_APPEND_RECORDS_MAX = 5_000;
/** Connects are at least this far apart whatever the jitter says: the exchange allows 8 a second and address (feed.md). */
export const CONNECT_GAP_MS_MIN = 150;
/** How long the exchange may take for the WebSocket's handshake. */
export const HANDSHAKE_MS_MAX = 10_000;
/** After an error frame the acknowledgement of what was not refused comes within this. */
export const REFUSAL_MS = 1_500;
/** With --until-end, a feed that can't be reached for so long will not come back: its end was missed. */
export const FEED_GIVE_UP_MS = 30_000;
/** A failed append (disk full, log away) is tried again after this. */
export const FEED_RETRY_MS = 1_000;
/** Neighbouring messages may change places (feed.md): a gap in trade_id is one only after this. */
export const GAP_WAIT_MS = 300;
/** One REST answer may take this long. */
export const REST_MS_MAX = 5_000;
/** Records looked at in the log's tail to learn where each product stood. */
export const FEED_TAIL_RECORDS = 20_000;
/** And looked at for products that were quiet in that tail: about two seconds' reading. */
export const FEED_LOOK_RECORDS_MAX = 1_000_000;
/** The stand-in's REST answers: requests a second and address before 429, and trades of one page (feed.md). */
export const REPLAY_REST_PER_SECOND = 10;
export const REST_PAGE_MAX = 1_000;
/** After its end the stand-in waits so long for a client that was away, to tell it the end. */
export const REPLAY_LINGER_MS = 5_000;
/** Frames that the stand-in sends in one go before other work gets a turn. */
export const REPLAY_BURST_FRAMES = 2_000;
/** After its end the stand-in answers REST until nobody has asked for so long: gaps of the full tape are filled from it. */
export const REPLAY_REST_QUIET_MS = 2_000;
/** Feed latencies kept for the percentiles that are shown. */
export const FEED_LATENCIES_MAX = 4_096;
/** A stage that has not told of itself for so long is not running: each does once a second. */
export const STAGE_SILENCE_MS_MAX = 10_000;
/** The page's stream: how often files are looked at while somebody watches, and how often a page gets news. */
export const EVENTS_LOOK_MS = 50;
export const EVENTS_EVERY_MS = 250;
/** The status strip goes out this often, and keeps proxies and Bun from cutting a quiet stream. */
export const EVENTS_STATUS_MS = 1_000;
/** A page that takes no data for so long is let go; it connects again by itself. */
export const EVENTS_WRITE_MS_MAX = 10_000;
/** Windows that the page's charts hold. */
export const CHART_WINDOWS_MAX = 720;
/** Rows of the page's tables of windows, and rows shown of one metric. */
export const PAGE_WINDOWS = 10;
export const PAGE_METRIC_ROWS = 10;
/** Bytes of a request's body or of its address: the page needs none of more. */
export const REQUEST_BYTES_MAX = 65_536;
/** An export's child may take so long, and so many may run at once. */
export const EXPORT_MS_MAX = 120_000;
export const EXPORTS_MAX = 2;
