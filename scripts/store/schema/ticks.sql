-- ticks.db, written by consume only. Version in pragma user_version.
CREATE TABLE ticks (
  insert_id     INTEGER PRIMARY KEY,      -- monotonic insertion number: the archive's tail read uses it
  product_id    TEXT    NOT NULL,
  trade_id      INTEGER NOT NULL,
  time_us       INTEGER NOT NULL,         -- event time, microseconds since 1970 UTC
  price         TEXT    NOT NULL,         -- exact decimals, at most 10 (price) and 8 (size) digits after the point
  last_size     TEXT    NOT NULL,
  side          TEXT    NOT NULL,         -- the taker's: buy or sell
  best_bid      TEXT,
  best_ask      TEXT,
  source        TEXT    NOT NULL,         -- feed or rest
  appended_us   INTEGER NOT NULL,         -- when the log took it
  log_partition INTEGER NOT NULL,
  log_offset    INTEGER NOT NULL,
  UNIQUE (product_id, trade_id)
) STRICT;
CREATE TABLE offsets (                    -- the job's checkpoint, in the same transaction as its rows
  log_partition INTEGER PRIMARY KEY,
  next_offset   INTEGER NOT NULL,
  seen_us       INTEGER NOT NULL,         -- newest append time before it: a log that says otherwise is another log
  generation    INTEGER NOT NULL,         -- fence: a zombie's generation is another (faults.md 16)
  first_offset  INTEGER NOT NULL DEFAULT 0 -- the first record read: a rebuild from a log that was cut begins later than 0
) STRICT;
CREATE TABLE conflicts (                  -- a repeated (product_id, trade_id) with another content: the stored trade wins, this one is kept whole
  log_partition INTEGER NOT NULL,
  log_offset    INTEGER NOT NULL,
  appended_us   INTEGER NOT NULL,
  product_id    TEXT    NOT NULL,
  trade_id      INTEGER NOT NULL,
  time_us       INTEGER NOT NULL,
  price         TEXT    NOT NULL,
  last_size     TEXT    NOT NULL,
  side          TEXT    NOT NULL,
  best_bid      TEXT,
  best_ask      TEXT,
  source        TEXT    NOT NULL,
  pruned        INTEGER NOT NULL,         -- 1: the stored trade was pruned, so only the batch can compare; 0: it differs
  PRIMARY KEY (log_partition, log_offset)
) STRICT;
CREATE TABLE dead_letters (
  log_partition INTEGER NOT NULL,
  log_offset    INTEGER NOT NULL,
  appended_us   INTEGER NOT NULL,
  reason        TEXT    NOT NULL,
  value         BLOB    NOT NULL,
  PRIMARY KEY (log_partition, log_offset)
) STRICT;
CREATE TABLE outages (                    -- spans without a feed, and trade ids that could not be filled
  outage_id     INTEGER PRIMARY KEY,
  product_id    TEXT    NOT NULL,
  from_us       INTEGER NOT NULL,
  to_us         INTEGER NOT NULL,
  last_trade_id INTEGER,
  first_trade_id INTEGER,
  reason        TEXT    NOT NULL,
  log_partition INTEGER NOT NULL,
  log_offset    INTEGER NOT NULL
) STRICT;
CREATE TABLE product_partitions (         -- where each product's records were, and its newest append time there (log/merge.ts)
  product_id    TEXT    NOT NULL,
  log_partition INTEGER NOT NULL,
  last_us       INTEGER NOT NULL,
  PRIMARY KEY (product_id, log_partition)
) STRICT;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;   -- records, lost, inserted, duplicates, conflicts, unverified, malformed, run_*
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;      -- log, created, generation, rules, problems, pruned_to
CREATE VIEW btc_prices AS
  SELECT trade_id, CAST(price AS REAL) AS price, CAST(best_bid AS REAL) AS best_bid, CAST(best_ask AS REAL) AS best_ask, side,
         strftime('%Y-%m-%dT%H:%M:%S', time_us / 1000000, 'unixepoch') || printf('.%06dZ', time_us % 1000000) AS time,
         CAST(last_size AS REAL) AS last_size
  FROM ticks WHERE product_id = 'BTC-USD';
-- Says which file this is, for the group of its processes and for the archive: one made anew is another one.
INSERT INTO settings VALUES ('created', strftime('%Y-%m-%dT%H:%M:%SZ', 'now') || ' ' || lower(hex(randomblob(4))));
