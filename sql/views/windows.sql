-- The stream job's windows as of the last batch: final = 0 open, 1 closed by the watermark, 2 closed
-- by --flush. `conflicts` counts repeated trades with another content in the window (consume).
WITH found AS (
  SELECT w.product_id, w.size_us, w.window_start_us, count(*) AS conflicts
  FROM archive_windows w JOIN conflicts c
    ON c.product_id = w.product_id AND c.time_us >= w.window_start_us AND c.time_us < w.window_end_us
  GROUP BY w.product_id, w.size_us, w.window_start_us
)
SELECT utc(w.window_start_us) AS window_start, utc(w.window_end_us) AS window_end, w.*, coalesce(f.conflicts, 0) AS conflicts
FROM archive_windows w LEFT JOIN found f
  ON f.product_id = w.product_id AND f.size_us = w.size_us AND f.window_start_us = w.window_start_us
