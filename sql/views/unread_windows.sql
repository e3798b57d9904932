-- Windows of which only one side could read all ticks: a stage was rebuilt after the log had been
-- cut, and some of their ticks were before the cut.
SELECT DISTINCT t.product_id, h.size_us, window_start_of(t.time_us, h.every_us) - h.back_us AS window_start_us
FROM archive_ticks t JOIN positions p USING (log_partition) CROSS JOIN hops h
WHERE t.log_offset < p.readable_from
UNION
SELECT w.product_id, w.size_us, w.window_start_us
FROM archive_windows w JOIN positions p ON p.log_partition = coalesce(w.opened_partition, w.closed_partition, 0)
WHERE coalesce(w.opened_offset, 0) < p.readable_from
UNION
SELECT r.product_id, r.size_us, r.window_start_us
FROM archive_window_revisions r JOIN positions p USING (log_partition)
WHERE coalesce(r.opened_offset, 0) < p.readable_from
