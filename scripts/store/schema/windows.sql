-- windows.db, written by stream only; the tables of both stores are in shared.sql.
-- Decimals are exact text without trailing zeros, times are microseconds since 1970 UTC.
CREATE TABLE windows (                                      -- the columns of contract/window-columns.ts
  product_id TEXT NOT NULL, size_us INTEGER NOT NULL, window_start_us INTEGER NOT NULL, window_end_us INTEGER NOT NULL,
  window_start TEXT NOT NULL, window_end TEXT NOT NULL,     -- ISO 8601 UTC
  avg_price TEXT NOT NULL, max_price TEXT NOT NULL, min_price TEXT NOT NULL, price_range TEXT NOT NULL,
  volatility_flag TEXT NOT NULL, total_volume TEXT NOT NULL, trade_count INTEGER NOT NULL, buy_sell_ratio REAL NOT NULL,
  market_sentiment TEXT NOT NULL, volume_spike TEXT NOT NULL, buy_count INTEGER NOT NULL, sell_count INTEGER NOT NULL,
  open_price TEXT NOT NULL, close_price TEXT NOT NULL, price_sum TEXT NOT NULL, notional TEXT NOT NULL, vwap TEXT,
  first_trade_id INTEGER NOT NULL, last_trade_id INTEGER NOT NULL,
  missing INTEGER NOT NULL,                                 -- ids after after_trade_id up to last_trade_id never seen
  final INTEGER NOT NULL,                                   -- 0 open, 1 closed by the watermark, 2 closed by --flush
  open_time_us INTEGER NOT NULL, open_trade_id INTEGER NOT NULL,
  close_time_us INTEGER NOT NULL, close_trade_id INTEGER NOT NULL,
  after_trade_id INTEGER NOT NULL,                          -- the largest id of the product's windows before it
  skewed INTEGER NOT NULL,                                  -- ticks stamped further ahead than --max-skew
  closed_partition INTEGER, closed_offset INTEGER,          -- of the record that closed it; null while it is open
  received_us INTEGER NOT NULL,                             -- append time of its newest tick
  updated_at INTEGER NOT NULL,                              -- time of the commit, by the local clock
  change_id INTEGER NOT NULL,                               -- rises with each commit that touched the row
  unissued INTEGER NOT NULL DEFAULT 0,                      -- ids in `missing` proved never to have been issued
  opened_partition INTEGER, opened_offset INTEGER,          -- of its first tick; null in a row of schema 1
  PRIMARY KEY (product_id, size_us, window_start_us)
) STRICT;
CREATE INDEX windows_by_change ON windows (change_id);
CREATE INDEX windows_by_start ON windows (window_start_us);
CREATE TABLE window_revisions (                             -- a closed window with all its late ticks so far
  revision INTEGER NOT NULL, caused_by_trade_id INTEGER NOT NULL,
  log_partition INTEGER NOT NULL, log_offset INTEGER NOT NULL,
  product_id TEXT NOT NULL, size_us INTEGER NOT NULL, window_start_us INTEGER NOT NULL, window_end_us INTEGER NOT NULL,
  window_start TEXT NOT NULL, window_end TEXT NOT NULL,     -- ISO 8601 UTC
  avg_price TEXT NOT NULL, max_price TEXT NOT NULL, min_price TEXT NOT NULL, price_range TEXT NOT NULL,
  volatility_flag TEXT NOT NULL, total_volume TEXT NOT NULL, trade_count INTEGER NOT NULL, buy_sell_ratio REAL NOT NULL,
  market_sentiment TEXT NOT NULL, volume_spike TEXT NOT NULL, buy_count INTEGER NOT NULL, sell_count INTEGER NOT NULL,
  open_price TEXT NOT NULL, close_price TEXT NOT NULL, price_sum TEXT NOT NULL, notional TEXT NOT NULL, vwap TEXT,
  first_trade_id INTEGER NOT NULL, last_trade_id INTEGER NOT NULL,
  missing INTEGER NOT NULL,                                 -- ids after after_trade_id up to last_trade_id never seen
  final INTEGER NOT NULL,                                   -- 0 open, 1 closed by the watermark, 2 closed by --flush
  open_time_us INTEGER NOT NULL, open_trade_id INTEGER NOT NULL,
  close_time_us INTEGER NOT NULL, close_trade_id INTEGER NOT NULL,
  after_trade_id INTEGER NOT NULL,                          -- the largest id of the product's windows before it
  skewed INTEGER NOT NULL,                                  -- ticks stamped further ahead than --max-skew
  closed_partition INTEGER, closed_offset INTEGER,          -- of the record that closed it; null while it is open
  received_us INTEGER NOT NULL,                             -- append time of its newest tick
  updated_at INTEGER NOT NULL,                              -- time of the commit, by the local clock
  change_id INTEGER NOT NULL,                               -- rises with each commit that touched the row
  unissued INTEGER NOT NULL DEFAULT 0,                      -- ids in `missing` proved never to have been issued
  opened_partition INTEGER, opened_offset INTEGER,          -- of its first tick; null in a row of schema 1
  PRIMARY KEY (product_id, size_us, window_start_us, revision)
) STRICT;
CREATE INDEX revisions_by_id ON window_revisions (product_id, size_us, last_trade_id, after_trade_id, window_start_us);
CREATE TABLE late_ticks (
  product_id TEXT NOT NULL, trade_id INTEGER NOT NULL, size_us INTEGER NOT NULL, window_start_us INTEGER NOT NULL,
  time_us INTEGER NOT NULL, price TEXT NOT NULL, last_size TEXT NOT NULL, side TEXT NOT NULL,
  lateness_us INTEGER NOT NULL,                             -- event-time high mark − time of the tick
  log_partition INTEGER NOT NULL, log_offset INTEGER NOT NULL, appended_us INTEGER NOT NULL,
  PRIMARY KEY (product_id, trade_id, size_us, window_start_us)
) STRICT;
CREATE TABLE out_of_order (                                 -- grainUs ended before the high mark; or REST
  seq INTEGER PRIMARY KEY, product_id TEXT NOT NULL, trade_id INTEGER NOT NULL, time_us INTEGER NOT NULL,
  mark_us INTEGER NOT NULL,                                 -- event-time high mark when the tick was placed
  price TEXT NOT NULL, last_size TEXT NOT NULL, source TEXT NOT NULL,
  log_partition INTEGER NOT NULL, log_offset INTEGER NOT NULL
) STRICT;
CREATE TABLE out_of_order_since (                           -- windows that begin later have all their rows above
  product_id TEXT PRIMARY KEY, since_us INTEGER NOT NULL    -- no row: all windows have
) STRICT;
CREATE TABLE products (                                     -- the state of each product
  product_id TEXT PRIMARY KEY,
  max_time_us INTEGER NOT NULL,                             -- event-time high mark
  first_trade_id INTEGER NOT NULL, last_trade_id INTEGER NOT NULL,  -- smallest and largest id seen
  ticks INTEGER NOT NULL, duplicates INTEGER NOT NULL, late INTEGER NOT NULL, skewed INTEGER NOT NULL,
  unissued INTEGER NOT NULL DEFAULT 0                       -- ids in unissued_ids
) STRICT;
CREATE VIEW product_marks AS
  SELECT product_id, max_time_us AS mark_us, since_us FROM products LEFT JOIN out_of_order_since USING (product_id);
CREATE TABLE closed_ends (                                  -- per product and window size
  product_id TEXT NOT NULL, size_us INTEGER NOT NULL,
  closed_until_us INTEGER NOT NULL,                         -- windows that end at or before it are closed
  last_trade_id INTEGER NOT NULL,                           -- the next certificate counts from here
  PRIMARY KEY (product_id, size_us)
) STRICT;
CREATE TABLE seen_ids (                                     -- blocks of SEEN_BLOCK_IDS ids (contract/window.ts)
  product_id TEXT NOT NULL, block INTEGER NOT NULL,
  bits BLOB,                                                -- null: all; 512 bytes: a bitmap; fewer: a list
  PRIMARY KEY (product_id, block)
) STRICT, WITHOUT ROWID;
CREATE TABLE unissued_ids (                                 -- proved never issued and never seen; rows do not touch
  product_id TEXT NOT NULL, first_trade_id INTEGER NOT NULL, last_trade_id INTEGER NOT NULL,
  PRIMARY KEY (product_id, first_trade_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE measure_slices (                               -- histograms of SLICE_US each (contract/measures.ts)
  slice_us INTEGER PRIMARY KEY,                             -- its beginning; 0: all earlier ones since the process began
  histograms TEXT NOT NULL                                  -- JSON
) STRICT;
CREATE TABLE answer_samples (                               -- what the answer contained, at whole seconds
  at_us INTEGER NOT NULL, product_id TEXT NOT NULL,
  answer_us INTEGER,                                        -- event time of the newest tick in the answer
  received_us INTEGER,                                      -- the same of all ticks received by then
  waiting_us INTEGER,                                       -- receipt of the oldest tick that the answer lacked
  PRIMARY KEY (at_us, product_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE closings (                                     -- the newest windows that the watermark closed
  seq INTEGER PRIMARY KEY, product_id TEXT NOT NULL,
  size_us INTEGER NOT NULL, window_start_us INTEGER NOT NULL, window_end_us INTEGER NOT NULL,
  log_partition INTEGER NOT NULL, log_offset INTEGER NOT NULL,  -- of the record that closed it
  closed_time_us INTEGER NOT NULL,                          -- its event time
  received_us INTEGER NOT NULL,                             -- its receipt, or (is_appended = 1) its append time
  is_appended INTEGER NOT NULL,
  committed_us INTEGER NOT NULL                             -- commit of the final row
) STRICT;
