/** Every bound in one place, with its unit and its reason. Nothing in Tidemark grows past one of these. */

/** Records of one poll: enough to amortise a commit, few enough to keep memory flat. */
export const POLL_RECORDS_MAX = 20_000;
/** Records that the feed holds while the log is slow or full; then the socket is not read. */
export const FEED_BUFFER_RECORDS_MAX = 100_000;
/** Bytes of a frame; a longer one is a fault of the peer: a level2 snapshot has hundreds of kB. */
export const FRAME_BYTES_MAX = 1_048_576;
/** A connection without a frame for this long is dead: heartbeats come once per second. */
export const FEED_SILENCE_MS_MAX = 5_000;
/** Back-off of reconnects: full jitter over min(cap, base · 2^n). */
export const RECONNECT_BASE_MS = 500;
export const RECONNECT_CAP_MS = 30_000;
/** How long `start` tries the live feed before it plays the recording. */
export const FEED_FIRST_CONNECT_MS = 5_000;
/** REST requests per second: half of what the exchange allows (docs/feed.md "Limits"). */
export const REST_PER_SECOND_MAX = 5;
/**
 * The version of the rules by which a record becomes a tick, which each store keeps (`rules`).
 * 1: commit fa0d24d. 2: a size of 0 is a trade, product ids and limits as below.
 */
export const RULES_VERSION = 2;
/** Fraction digits kept of a price and of a size: the scales of DECIMAL(20,10) and DECIMAL(20,8). */
export const PRICE_SCALE_MAX = 10;
export const SIZE_SCALE_MAX = 8;
/** Integer digits of a price and of a size: below 10^10 and 10^12. */
export const PRICE_INTEGER_DIGITS_MAX = 10;
export const SIZE_INTEGER_DIGITS_MAX = 12;
/** Price x size is below 10^12: a hundred million such ticks fit DECIMAL(38,18), which ends at 10^20. */
export const NOTIONAL_INTEGER_DIGITS_MAX = 12;
/** The same under rules 1, which had no limit of price x size. */
export const PRICE_INTEGER_DIGITS_MAX_1 = 8;
export const SIZE_INTEGER_DIGITS_MAX_1 = 10;
/** UTF-8 bytes of a product id: escaped, it is still a legal file name on every system. */
export const PRODUCT_ID_BYTES_MAX = 64;
/** Blocks held in memory as duplicates' marks; older ones are read back from windows.db when asked for. */
export const SEEN_BLOCKS_MAX = 50_000;
/** Ids of one block kept as a list of two bytes each; for more a bitmap of 512 bytes is faster. */
export const SEEN_LIST_IDS_MAX = 64;
/** Closed windows held in memory for late ticks; older ones are read back from windows.db. */
export const CLOSED_WINDOWS_CACHE_MAX = 256;
/** Milliseconds that SQLite waits for a lock before it reports one. */
export const BUSY_TIMEOUT_MS = 5_000;
/** A store up to this size is checked whole when it is opened (0.7 s); 10 million ticks take 26 s cold. */
export const QUICK_CHECK_BYTES_MAX = 268_435_456;
/** A process whose figures are older has ended: those of another process replace them. */
export const FIGURES_SILENT_US = 5_000_000;
/** A process that is refused a stage's lock waits this long for the holder's pid to be written. */
export const LOCK_LOOK_MS = 2_000;
/** Time for a drain after SIGTERM; then the process ends anyway. */
export const DRAIN_MS_MAX = 5_000;
/** One metric's time and memory. */
export const METRIC_MS_MAX = 30_000;
export const METRIC_MEMORY = "1GB";
/** Grace period after `interrupt()`; then the query is reported as stopped and its process is ended. */
export const INTERRUPT_MS_MAX = 2_000;
/** What a process with user SQL may map after its start: METRIC_MEMORY and DuckDB's other needs. */
export const LIMITED_DATA_BYTES = 1_500_000_000;
/** Its parent ends it at this size: 80 MB at its start, LIMITED_DATA_BYTES, the runtime's heap. */
export const LIMITED_RSS_BYTES_MAX = 2_000_000_000;
/** How often the parent reads that: a process grows by 100 MB meanwhile (2 GB/s); `ps` costs 5 ms each. */
export const MEMORY_WATCH_MS = 50;
export const MEMORY_WATCH_ELSEWHERE_MS = 250;
/** A process of this size after a query is replaced: the next metric gets the whole limit. */
export const SANDBOX_REUSE_BYTES_MAX = 500_000_000;
/** Characters of one metric's result as JSON, names included: `serve` and the batch hold whole results. */
export const RESULT_BYTES_MAX = 16_000_000;
/** Characters of a column's name: the page and each row of JSON repeat it. */
export const NAME_CHARACTERS_MAX = 1_000;
/** Characters of results that `serve` keeps parsed, about five bytes of memory each. */
export const RESULTS_CACHE_BYTES_MAX = 32_000_000;
/** Characters of an error's text in results.db, on the page and in logs. */
export const ERROR_CHARACTERS_MAX = 4_000;
/** Bytes to which results.db's WAL is cut after a run: many large results grow it to their sum. */
export const RESULTS_WAL_BYTES_MAX = 16_000_000;
/** Bytes of a metric's file, and metric files of one folder: the page has a panel for each. */
export const METRIC_FILE_BYTES_MAX = 1_000_000;
export const METRIC_FILES_MAX = 1_000;
/** Spark's own start on a busy machine; then each metric has METRIC_MS_MAX. */
export const SPARK_START_MS_MAX = 120_000;
/** Ticks moved into the archive at once: short reads keep SQLite's WAL small (docs/faults.md 24). */
export const ARCHIVE_SLICE_ROWS = 250_000;
/** Ticks that prune takes out of ticks.db at once: about 20 ms, so that consume hardly waits. */
export const PRUNE_SLICE_ROWS = 5_000;
/** Parquet files of one kind that may still grow; more are merged. */
export const ARCHIVE_SMALL_FILES_MAX = 8;
/** Ticks in one file of the archive: sorting more at once takes more than half of METRIC_MEMORY. */
export const ARCHIVE_FILE_ROWS_MAX = 1_000_000;
/** Modulus (prime) of sums that SQLite, DuckDB and Parquet must agree on, to fit 64 bits. */
export const SUM_MODULUS = 1_000_003;
/** Bytes read at once for a checksum. */
export const CHECKSUM_READ_BYTES = 1_048_576;
/** Times that a reader begins, because a batch replaced its files meanwhile. */
export const ARCHIVE_READ_TRIES_MAX = 5;
/** Summaries kept in batch_output/, and runs kept in results.db (ten weeks at one run per minute). */
export const SUMMARY_FILES_MAX = 1_000;
export const RUNS_KEPT_MAX = 100_000;
/** Due times noted one by one when a run went past them; of more, the newest. */
export const MISSED_NOTED_MAX = 1_000;
/** A folder of metric files is polled this often without file system events; a change then settles. */
export const FOLDER_LOOK_MS = 1_000;
export const FOLDER_SETTLE_MS = 100;
/** Bytes of one metric's CSV in batch_output/ (400,000 candles): each batch writes all of it again. */
export const METRIC_CSV_BYTES_MAX = 50_000_000;
/** Rows kept of one metric's result. */
export const METRIC_ROWS_MAX = 10_000;
/** Mean characters of a row where more than METRIC_ROWS_MAX rows are requested (`query --limit`). */
export const ROW_CHARACTERS_MAX = 8_192;
/** Rows of one API answer: never fewer than are kept of a metric. */
export const API_ROWS_MAX = METRIC_ROWS_MAX;
/** Pages connected to /events at once. */
export const SSE_CLIENTS_MAX = 2_000;
/** Bytes kept of what a child process writes to stderr: the newest, where its error is. */
export const PROCESS_ERROR_BYTES_MAX = 65_536;
/** More restarts of a child within a minute, and `start` gives up. */
export const CHILD_RESTARTS_MAX = 5;
/** Products whose names are kept in memory; more only cost a query each. */
export const PRODUCTS_MAX = 10_000;
/** Partitions of a log, offsets of one: together they fit a safe integer (log/embedded/log.sql). */
export const PARTITIONS_MAX = 1_024;
export const OFFSETS_MAX = 2 ** 43;
/**
 * Check RSS after this many bytes read; force a GC above the second limit: without it a drain of
 * 20M messages needs 280 MB.
 */
export const MEMORY_CHECK_BYTES = 33_554_432;
export const COLLECT_ABOVE_BYTES = 190_000_000;
/** Times that a stage reads its log again after a record out of order; then it stops. */
export const READ_AGAIN_MAX = 3;
/** Bytes of an unpacked recording: it is in memory while it plays. */
export const RECORDING_BYTES_MAX = 1_000_000_000;
/** A client must have subscribed by then, or its connection is closed (docs/feed.md "Limits"). */
export const SUBSCRIBE_MS_MAX = 5_000;
/** Ids of a gap that is filled from REST; a larger gap is an outage at once. */
export const GAP_IDS_MAX = 10_000;
/** An open gap is noted again after this many records, so that FEED_TAIL_RECORDS always have a note. */
export const GAP_NOTE_RECORDS = 5_000;
/** Gaps with a request at the same time, within REST_PER_SECOND_MAX: none delays the others. */
export const GAPS_AT_ONCE_MAX = 8;
/** Bytes of one REST answer, unpacked: 1,000 trades are 200 kB. */
export const REST_BYTES_MAX = 4_194_304;
/** Redirects that a REST request follows. */
export const REST_REDIRECTS_MAX = 3;
/** A longer `Retry-After` is cut to this: then REST is asked again. */
export const REST_RETRY_AFTER_MS_MAX = 300_000;
/** Tries before a gap is an outage: answers without the next trade; all tries once the feed ended. */
export const REST_TRIES_MAX = 6;
/** While REST fails, a gap is tried again at least this often. */
export const REST_RETRY_MS_MAX = 60_000;
/** Bytes of frames that the feed holds while the log is slow: the bound for large frames. */
export const FEED_BUFFER_BYTES_MAX = 64_000_000;
/** Records of one append: its commit takes about 10 ms, so that the socket is read often enough. */
export const FEED_APPEND_RECORDS_MAX = 5_000;
/** Connects are at least this far apart: the exchange allows 8 per second and address. */
export const CONNECT_GAP_MS_MIN = 150;
/** How long the exchange may take for the WebSocket's handshake. */
export const HANDSHAKE_MS_MAX = 10_000;
/** Time for the rest of a subscription's reply after an error frame. */
export const REFUSAL_MS = 1_500;
/** Time for the whole reply to a subscription; it may have several parts. */
export const SUBSCRIBED_MS_MAX = 5_000;
/** A product is refused after more connections than this ended while it was requested alone. */
export const PRODUCT_STRIKES_MAX = 2;
/** Bytes shown of a text from the feed. */
export const FEED_WORDS_MAX = 300;
/** Bytes shown of a garbled frame. */
export const FEED_EXAMPLE_BYTES = 120;
/** Nesting and digits that every JSON reader decodes; Python refuses 1,000 levels, 4,300 digits. */
export const FRAME_DEPTH_MAX = 100;
export const FRAME_DIGITS_MAX = 1_000;
/** A connection or a gap that is missing for this long is reported as a problem. */
export const FEED_PROBLEM_US = 10_000_000;
/** A garbled frame, or a failure of REST, is reported as a problem for this long. */
export const FEED_PROBLEM_SHOWN_US = 600_000_000;
/** A live trade stamped further ahead of its receipt has a wrong clock: its receipt time is used. */
export const FEED_AHEAD_US_MAX = 60_000_000;
/** With --until-end, a feed unreachable for this long has ended, and its end was missed. */
export const FEED_GIVE_UP_MS = 30_000;
/** A failed append (disk full, log away) is tried again after this. */
export const FEED_RETRY_MS = 1_000;
/** A younger gap in trade_id may be mere disorder (docs/feed.md "Loss"). */
export const GAP_WAIT_MS = 300;
/** Time for one REST answer. */
export const REST_MS_MAX = 5_000;
/** Records at the log's end in which a start searches each product's newest trade. */
export const FEED_TAIL_RECORDS = 20_000;
/** The same for products without a trade there: about two seconds of reading. */
export const FEED_LOOK_RECORDS_MAX = 1_000_000;
/** REST requests per second before 429, and trades per page (docs/feed.md "REST trades"). */
export const REPLAY_REST_PER_SECOND = 10;
export const REST_PAGE_MAX = 1_000;
/** After its end the simulator waits this long for a client that was away. */
export const REPLAY_LINGER_MS = 5_000;
/** Frames that the simulator sends before other work gets a turn. */
export const REPLAY_BURST_FRAMES = 2_000;
/** After its end the simulator answers REST until no request came for this long. */
export const REPLAY_REST_QUIET_MS = 2_000;
/** Waits before each request for the exchange's time; the last one repeats. */
export const TIME_WAITS_MS = [0, 500, 500, 500, 500, 60_000];
/** A stage without a report for this long is not running: each reports once per second. */
export const STAGE_SILENCE_MS_MAX = 10_000;
/** While a page is open, files are polled this often, and changes are sent this often at most. */
export const EVENTS_POLL_MS = 50;
export const EVENTS_EVERY_MS = 250;
/** The status strip is sent this often, which also keeps proxies from closing a silent stream. */
export const EVENTS_STATUS_MS = 1_000;
/** A page that takes no data for this long is disconnected; it reconnects by itself. */
export const EVENTS_WRITE_MS_MAX = 10_000;
/** Windows that a chart of the page holds; the page is passed this number. */
export const CHART_WINDOWS_MAX = 720;
/** Rows of the page's table of windows, and rows shown of one metric. */
export const PAGE_WINDOWS = 10;
export const PAGE_METRIC_ROWS = 10;
/** Columns, characters of a cell and of the SQL of one panel: each batch sends all panels to each page. */
export const PAGE_METRIC_COLUMNS = 50;
export const PAGE_CELL_CHARACTERS_MAX = 300;
export const PAGE_SQL_CHARACTERS_MAX = 20_000;
/** Bytes of a request's body or of its address; the page's own are far smaller. */
export const REQUEST_BYTES_MAX = 65_536;
/** Bytes of a SELECT that is passed as an argument: Linux takes 128 KiB (MAX_ARG_STRLEN). */
export const ARGUMENT_BYTES_MAX = 100_000;
/** An export whose file has not grown for this long is stopped. */
export const EXPORT_STILL_MS_MAX = 120_000;
/** A download whose reader takes no byte for this long is ended; until then it may pause. */
export const DOWNLOAD_STILL_MS_MAX = 600_000;
/** Downloads being sent at once, each an open file. */
export const DOWNLOADS_MAX = 20;
/** Exports running at once, each a process with DuckDB. */
export const EXPORTS_MAX = 2;
/** Spill files of one query into a file or an export. */
export const SPILL_BYTES_MAX = "10GB";
/** Bytes of one sentence about a problem or an error, and problems shown at once. */
export const SENTENCE_BYTES_MAX = 4_096;
export const PROBLEMS_SHOWN_MAX = 20;
/** Records without an accepted tick, or without progress of a window, for this long are a problem. */
export const NO_PROGRESS_MS = 120_000;
/** Reasons of refusals counted apart; more are counted as one. */
export const REASONS_MAX = 64;
/** Newest dead letters that are grouped into problems, their largest age, and bytes read of each. */
export const DEAD_LETTERS_READ = 500;
export const DEAD_LETTERS_US = 86_400_000_000;
export const DEAD_LETTER_BYTES_READ = 512;
/** Groups of dead letters shown as problems. */
export const DEAD_LETTER_LINES_MAX = 5;
/** `serve` asks the log for its ends this often while requests come, and this often otherwise. */
export const LOG_ASK_MS = 1_000;
export const LOG_ASK_IDLE_MS = 5_000;
/** A log that has not answered for this long is a problem, and is opened again. */
export const LOG_ANSWER_MS_MAX = 10_000;
/** A request waits this long for the log's answer; then the last one is shown with its age. */
export const LOG_REQUEST_WAIT_MS = 50;
/** A Kafka reader reports a broker that has not responded for this long. */
export const KAFKA_AWAY_MS = 5_000;
/** A batch that runs for longer than this is reported as stuck. */
export const BATCH_MS_MAX = 1_800_000;
/** Free bytes of the data directory's disk below which nothing can be stored reliably. */
export const DISK_FREE_MIN_BYTES = 1_000_000;
/** A larger move of the wall clock against the monotonic one is a jump: NTP slews at most 0.5 ms/s. */
export const CLOCK_JUMP_MS = 1_000;
/** A noted jump of the clock is shown for an hour; produce keeps the newest ones in feed.json. */
export const CLOCK_JUMP_SHOWN_MS = 3_600_000;
export const CLOCK_JUMPS_KEPT = 20;
/** Live trades this far from our clock contradict it: ten times what a bad connection delays them. */
export const CLOCK_WRONG_US = 60_000_000;
/** Ticks in a row before a clock is reported as wrong: a single wrong stamp is the exchange's error. */
export const CLOCK_WRONG_TICKS = 20;
/** A product whose stamps were valid this recently: it is not the clock. */
export const CLOCK_VALID_MS = 10_000;
/**
 * Append times never step back, unless one is ahead of the clock by more than this (the default of
 * --max-skew).
 */
export const STAMP_AHEAD_US_MAX = 60_000_000;
/**
 * An earlier append time is invalid (−1, 0, seconds as ms): Kafka's records have times since 2016.
 */
export const APPEND_EARLIEST_US = Date.UTC(2016, 0, 1) * 1_000;
/** An append time this far before an accepted event is invalid: a record follows its event. */
export const APPEND_BEHIND_US_MAX = 30 * 86_400_000_000;
/** A wait for a due time reads the wall clock this often: it may be set, and the machine may sleep. */
export const SCHEDULE_LOOK_MS = 5_000;
/** Due times are noted as missed at most this far back: a year of one per minute takes a second. */
export const MISSED_LOOK_MS = 366 * 86_400_000;
/**
 * Append times this far ahead of the reader's clock are reported: two correct clocks never differ
 * by this much.
 */
export const APPEND_AHEAD_US_MAX = 3_600_000_000;
/** Bytes of a password's or a certificate's file: a bundle of every public authority is 220 kB. */
export const SECRET_FILE_BYTES_MAX = 1_048_576;
/** Ticks out of order kept in windows.db, 100 bytes each; beyond it this many of the oldest leave. */
export const OUT_OF_ORDER_ROWS_MAX = 200_000;
export const OUT_OF_ORDER_SLICE_ROWS = 10_000;
/** Windows that one curve of lateness covers, the newest: 35 days of one minute, read in about 0.1 s. */
export const LATENESS_WINDOWS_MAX = 50_000;
/** Closed windows whose time of closing windows.db keeps. */
export const CLOSINGS_MAX = 10_000;
/** Products of which windows.db keeps samples of the answer: 60 bytes each per second. */
export const SAMPLED_PRODUCTS_MAX = 50;
