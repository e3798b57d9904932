-- windows.db, written by stream only. Decimals are exact text without trailing zeros; times are microseconds since 1970 UTC.
CREATE TABLE windows (
  product_id TEXT NOT NULL, size_us INTEGER NOT NULL, window_start_us INTEGER NOT NULL, window_end_us INTEGER NOT NULL,
  window_start TEXT NOT NULL, window_end TEXT NOT NULL,     -- ISO 8601 UTC
  avg_price TEXT NOT NULL, max_price TEXT NOT NULL, min_price TEXT NOT NULL, price_range TEXT NOT NULL, volatility_flag TEXT NOT NULL,
  total_volume TEXT NOT NULL, trade_count INTEGER NOT NULL, buy_sell_ratio REAL NOT NULL, market_sentiment TEXT NOT NULL, volume_spike TEXT NOT NULL,
  buy_count INTEGER NOT NULL, sell_count INTEGER NOT NULL, open_price TEXT NOT NULL, close_price TEXT NOT NULL,
  price_sum TEXT NOT NULL, notional TEXT NOT NULL, vwap TEXT, first_trade_id INTEGER NOT NULL, last_trade_id INTEGER NOT NULL,
  missing INTEGER NOT NULL, final INTEGER NOT NULL,         -- 0 open, 1 closed by the watermark, 2 closed by --flush
  open_time_us INTEGER NOT NULL, open_trade_id INTEGER NOT NULL, close_time_us INTEGER NOT NULL, close_trade_id INTEGER NOT NULL,
  after_trade_id INTEGER NOT NULL,                          -- the previous window's last trade id: `missing` counts from here
  skewed INTEGER NOT NULL,                                  -- ticks stamped further ahead than --max-skew
  closed_partition INTEGER, closed_offset INTEGER,          -- the log position of the tick that closed it; null while open
  received_us INTEGER NOT NULL,                             -- when the log took the newest tick in the row
  updated_at INTEGER NOT NULL,                              -- commit time, microseconds: the only column that reads the local clock
  change_id INTEGER NOT NULL,                               -- rises with each commit that touched the row
  unissued INTEGER NOT NULL DEFAULT 0,                      -- ids in `missing` that the exchange is proven never to have issued
  opened_partition INTEGER, opened_offset INTEGER,          -- the log position of the first tick placed in it; null: schema 1 did not keep it
  PRIMARY KEY (product_id, size_us, window_start_us)
) STRICT;
CREATE INDEX windows_by_change ON windows (change_id);
CREATE INDEX windows_by_start ON windows (window_start_us);
CREATE TABLE late_ticks (
  product_id TEXT NOT NULL, trade_id INTEGER NOT NULL, size_us INTEGER NOT NULL, window_start_us INTEGER NOT NULL,
  time_us INTEGER NOT NULL, price TEXT NOT NULL, last_size TEXT NOT NULL, side TEXT NOT NULL,
  lateness_us INTEGER NOT NULL,                             -- watermark M − time of the tick
  log_partition INTEGER NOT NULL, log_offset INTEGER NOT NULL, appended_us INTEGER NOT NULL,
  PRIMARY KEY (product_id, trade_id, size_us, window_start_us)
) STRICT;
CREATE TABLE dead_letters (
  log_partition INTEGER NOT NULL, log_offset INTEGER NOT NULL, appended_us INTEGER NOT NULL, reason TEXT NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY (log_partition, log_offset)
) STRICT;
CREATE TABLE products (                                     -- the state of each product
  product_id TEXT PRIMARY KEY, max_time_us INTEGER NOT NULL, -- M
  first_trade_id INTEGER NOT NULL, last_trade_id INTEGER NOT NULL,  -- smallest and largest id seen
  ticks INTEGER NOT NULL, duplicates INTEGER NOT NULL, late INTEGER NOT NULL, skewed INTEGER NOT NULL
) STRICT;
CREATE TABLE closed_ends (                                  -- per product and window size: what is closed, and where the certificate stands
  product_id TEXT NOT NULL, size_us INTEGER NOT NULL, closed_until_us INTEGER NOT NULL, last_trade_id INTEGER NOT NULL,
  PRIMARY KEY (product_id, size_us)
) STRICT;
CREATE TABLE seen_ids (product_id TEXT NOT NULL, block INTEGER NOT NULL, bits BLOB, PRIMARY KEY (product_id, block)) STRICT, WITHOUT ROWID;  -- 4,096 ids per block; null: all seen; 512 bytes: a bitmap; fewer: a sorted list, two bytes per id
CREATE TABLE offsets (                                      -- the job's checkpoint, in the same transaction as its rows
  log_partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL,
  seen_us INTEGER NOT NULL,                                 -- newest append time before it: a log that says otherwise is another log
  generation INTEGER NOT NULL,                              -- fence: a zombie's generation is another (faults.md 16)
  first_offset INTEGER NOT NULL DEFAULT 0                   -- the first record read: a rebuild from a log that was cut begins later than 0
) STRICT;
CREATE TABLE product_partitions (          -- where each product's records were, and its newest append time there (log/merge.ts)
  product_id    TEXT    NOT NULL,
  log_partition INTEGER NOT NULL,
  last_us       INTEGER NOT NULL,
  PRIMARY KEY (product_id, log_partition)
) STRICT;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;   -- records, ticks, duplicates, late, malformed, skewed, change_id, run_*, a CSV file's bytes by its name
CREATE TABLE latencies (name TEXT NOT NULL, bucket INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (name, bucket)) STRICT;  -- bucket: upper bound, microseconds
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;      -- log, created, generation, rules, windows, lateness_us, max_skew_us, problems
CREATE TABLE window_revisions (
  revision INTEGER NOT NULL, caused_by_trade_id INTEGER NOT NULL, log_partition INTEGER NOT NULL, log_offset INTEGER NOT NULL,
  product_id TEXT NOT NULL, size_us INTEGER NOT NULL, window_start_us INTEGER NOT NULL, window_end_us INTEGER NOT NULL,
  window_start TEXT NOT NULL, window_end TEXT NOT NULL,     -- ISO 8601 UTC
  avg_price TEXT NOT NULL, max_price TEXT NOT NULL, min_price TEXT NOT NULL, price_range TEXT NOT NULL, volatility_flag TEXT NOT NULL,
  total_volume TEXT NOT NULL, trade_count INTEGER NOT NULL, buy_sell_ratio REAL NOT NULL, market_sentiment TEXT NOT NULL, volume_spike TEXT NOT NULL,
  buy_count INTEGER NOT NULL, sell_count INTEGER NOT NULL, open_price TEXT NOT NULL, close_price TEXT NOT NULL,
  price_sum TEXT NOT NULL, notional TEXT NOT NULL, vwap TEXT, first_trade_id INTEGER NOT NULL, last_trade_id INTEGER NOT NULL,
  missing INTEGER NOT NULL, final INTEGER NOT NULL,         -- 0 open, 1 closed by the watermark, 2 closed by --flush
  open_time_us INTEGER NOT NULL, open_trade_id INTEGER NOT NULL, close_time_us INTEGER NOT NULL, close_trade_id INTEGER NOT NULL,
  after_trade_id INTEGER NOT NULL,                          -- the previous window's last trade id: `missing` counts from here
  skewed INTEGER NOT NULL,                                  -- ticks stamped further ahead than --max-skew
  closed_partition INTEGER, closed_offset INTEGER,          -- the log position of the tick that closed it; null while open
  received_us INTEGER NOT NULL,                             -- when the log took the newest tick in the row
  updated_at INTEGER NOT NULL,                              -- commit time, microseconds: the only column that reads the local clock
  change_id INTEGER NOT NULL,                               -- rises with each commit that touched the row
  unissued INTEGER NOT NULL DEFAULT 0,                      -- ids in `missing` that the exchange is proven never to have issued
  opened_partition INTEGER, opened_offset INTEGER,          -- the log position of the first tick placed in it; null: schema 1 did not keep it
  PRIMARY KEY (product_id, size_us, window_start_us, revision)
) STRICT;
-- Says which file this is, for the group of its processes and for the archive: one made anew is another one.
INSERT INTO settings VALUES ('created', strftime('%Y-%m-%dT%H:%M:%SZ', 'now') || ' ' || lower(hex(randomblob(4))));
