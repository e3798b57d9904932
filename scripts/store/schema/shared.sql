-- Tables of both stores, windows.db and ticks.db: checkpoint, counters, settings.
CREATE TABLE offsets (                     -- the checkpoint, in one transaction with the rows
  log_partition INTEGER PRIMARY KEY,
  next_offset   INTEGER NOT NULL,
  seen_us       INTEGER NOT NULL,          -- newest append time before it; if it differs there, this is another log
  generation    INTEGER NOT NULL,          -- of the process that owns the partition (docs/faults.md 16)
  first_offset  INTEGER NOT NULL DEFAULT 0 -- the first record read: above 0 if the log was cut before a rebuild
) STRICT;
CREATE TABLE product_partitions (          -- where each product's records were (log/kafka/merge.ts)
  product_id    TEXT    NOT NULL,
  log_partition INTEGER NOT NULL,
  last_us       INTEGER NOT NULL,          -- its newest append time in this partition
  PRIMARY KEY (product_id, log_partition)
) STRICT;
CREATE TABLE dead_letters (                -- records that are not valid, kept whole
  log_partition INTEGER NOT NULL,
  log_offset    INTEGER NOT NULL,
  appended_us   INTEGER NOT NULL,
  reason        TEXT    NOT NULL,
  value         BLOB    NOT NULL,
  PRIMARY KEY (log_partition, log_offset)
) STRICT;
-- records, lost, malformed, run_* and the store's own.
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
-- log, created, generation, rules, problems and the store's own.
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
-- Identifies this file for the group of its processes and the archive: created again, it is another.
INSERT INTO settings VALUES ('created', strftime('%Y-%m-%dT%H:%M:%SZ', 'now') || ' ' || lower(hex(randomblob(4))));
