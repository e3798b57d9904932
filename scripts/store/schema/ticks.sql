-- ticks.db, written by consume only; the tables of both stores are in shared.sql.
CREATE TABLE ticks (
  insert_id     INTEGER PRIMARY KEY,      -- rises with each insert: the archive collects from it on
  product_id    TEXT    NOT NULL,
  trade_id      INTEGER NOT NULL,
  time_us       INTEGER NOT NULL,         -- event time, microseconds since 1970 UTC
  price         TEXT    NOT NULL,         -- exact decimals, at most 10 and (size) 8 digits after the point
  last_size     TEXT    NOT NULL,
  side          TEXT    NOT NULL,         -- the taker's: buy or sell
  best_bid      TEXT,
  best_ask      TEXT,
  source        TEXT    NOT NULL,         -- feed, rest (a filled gap) or backfill (history)
  appended_us   INTEGER NOT NULL,         -- append time
  log_partition INTEGER NOT NULL,
  log_offset    INTEGER NOT NULL,
  received_us   INTEGER,                  -- when its frame left the socket; null if the log has no such time. Not archived
  UNIQUE (product_id, trade_id)
) STRICT;
CREATE TABLE conflicts (                  -- repeated ids with another content: the stored trade counts, these are kept
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
  pruned        INTEGER NOT NULL,         -- 1: the stored trade was pruned, so that only the batch compares; 0: it differs
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
CREATE TABLE history_minutes (            -- minutes with a trade of `backfill`, which the stream skips
  minute_id     INTEGER PRIMARY KEY,
  product_id    TEXT    NOT NULL,
  minute_us     INTEGER NOT NULL,         -- its start
  log_partition INTEGER NOT NULL,         -- of the first such record
  log_offset    INTEGER NOT NULL,
  UNIQUE (product_id, minute_us)
) STRICT;
CREATE TABLE walked (                     -- ids that `backfill` has walked through; ranges that touch are one
  product_id    TEXT    NOT NULL,
  first_trade_id INTEGER NOT NULL,
  last_trade_id INTEGER NOT NULL,
  trades        INTEGER NOT NULL,         -- of these ids, as REST had them
  PRIMARY KEY (product_id, first_trade_id)
) STRICT;
CREATE TABLE feed_begins (                -- the smallest id that came from the feed or filled a gap
  product_id    TEXT    PRIMARY KEY,
  trade_id      INTEGER NOT NULL
) STRICT;
-- The replaced pipeline's table of BTC-USD (docs/replaced-pipeline.md "Table").
CREATE VIEW btc_prices AS
  SELECT trade_id, CAST(price AS REAL) AS price, CAST(best_bid AS REAL) AS best_bid, CAST(best_ask AS REAL) AS best_ask,
         side,
         strftime('%Y-%m-%dT%H:%M:%S', time_us / 1000000, 'unixepoch') || printf('.%06dZ', time_us % 1000000) AS time,
         CAST(last_size AS REAL) AS last_size
  FROM ticks WHERE product_id = 'BTC-USD';
