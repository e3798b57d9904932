-- The newest batch runs, newest first; missed due times are left out.
SELECT run_id, pid, state, started_us, ended_us, collect_ms, answer_ms, seconds, ticks_new, ticks_total, newest_time_us, metrics, failed,
       peak_rss_bytes, archive_bytes, cpu_seconds, read_bytes, written_bytes, queries_cpu_seconds, windows_cpu_seconds, error
FROM runs
WHERE state <> 'missed'
ORDER BY run_id DESC
LIMIT $limit
