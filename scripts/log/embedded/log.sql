-- log.db, the embedded log: one row per block of records (block.ts). Version: pragma user_version.
-- appended_us steps back only after a wrong clock (stamps.ts); settings has "highest_us:N" for a
-- partition N where it did.
CREATE TABLE blocks (
  position    INTEGER PRIMARY KEY,  -- partition × 2^43 + offset of the first record: the rowid itself, so that reading on is one scan
  count       INTEGER NOT NULL,
  appended_us INTEGER NOT NULL,     -- microseconds since 1970 UTC; never goes back within a partition
  checksum    INTEGER NOT NULL,     -- crc32 of the payload; a flipped byte is an error, never an answer
  payload     BLOB    NOT NULL
) STRICT;
CREATE TABLE committed (            -- how far each group is, for lag display only
  group_name    TEXT    NOT NULL,
  log_partition INTEGER NOT NULL,
  next_offset   INTEGER NOT NULL,
  PRIMARY KEY (group_name, log_partition)
) STRICT, WITHOUT ROWID;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;  -- partitions
