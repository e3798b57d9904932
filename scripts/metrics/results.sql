-- results.db, written by batch, and by schedule: a due time without a run is a run of state `missed`.
CREATE TABLE runs (
  run_id INTEGER PRIMARY KEY, state TEXT NOT NULL,          -- running, done, failed, died
  pid INTEGER NOT NULL, started_us INTEGER NOT NULL, ended_us INTEGER,
  collect_ms REAL, answer_ms REAL, seconds REAL,            -- seconds: the whole process from its start to the results committed
  ticks_new INTEGER, ticks_total INTEGER, newest_time_us INTEGER, metrics INTEGER, failed INTEGER, peak_rss_bytes INTEGER, archive_bytes INTEGER,
  cpu_seconds REAL, error TEXT,
  read_bytes INTEGER, written_bytes INTEGER,                -- of all processes of the run, from and to the storage
  queries_cpu_seconds REAL, windows_cpu_seconds REAL,       -- parts of cpu_seconds: all metrics' queries, and that of windows_by_minute
  snapshot TEXT,                                            -- JSON, RunSnapshot in contract/measures.ts: what its answers contain; of the newest runs that answered windows_by_minute
  history_new INTEGER                                       -- the part of ticks_new that `backfill` had loaded
) STRICT;
CREATE INDEX runs_with_snapshot ON runs (run_id) WHERE snapshot IS NOT NULL;
CREATE INDEX runs_done ON runs (run_id) WHERE state = 'done';       -- the newest is found among failed and missed ones
CREATE INDEX runs_begun ON runs (run_id) WHERE state <> 'missed';
CREATE TABLE results (                                      -- the newest result of each metric; a failing one keeps the last good rows, marked stale
  metric TEXT PRIMARY KEY, run_id INTEGER NOT NULL, ok INTEGER NOT NULL, error TEXT, stale INTEGER NOT NULL,
  title TEXT NOT NULL, description TEXT NOT NULL, chart TEXT NOT NULL,       -- chart: JSON {type, x, y[], series, open, high, low, close, volume, group, order}
  file TEXT NOT NULL, sql TEXT NOT NULL, file_hash TEXT NOT NULL,
  columns TEXT NOT NULL,                                    -- JSON [{name, type}]
  rows TEXT NOT NULL,                                       -- JSON array of row objects; decimals as strings, exact
  row_count INTEGER NOT NULL, truncated INTEGER NOT NULL, elapsed_ms REAL NOT NULL, finished_us INTEGER NOT NULL
) STRICT;
CREATE TABLE reconciliation (run_id INTEGER PRIMARY KEY, compared INTEGER NOT NULL, equal INTEGER NOT NULL, explained INTEGER NOT NULL, unexplained INTEGER NOT NULL, pending INTEGER NOT NULL) STRICT;
CREATE TABLE outputs (metric TEXT PRIMARY KEY) STRICT;      -- metrics whose batch_output/metrics/METRIC.csv a batch wrote: any other file there is the user's
