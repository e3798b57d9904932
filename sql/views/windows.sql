-- What the stream job said, as of the last batch: final = 0 still open, 1 closed by the watermark, 2 closed by --flush.
-- `conflicts` is what consume found: repeated trades with another content whose time is in the window, none of them counted.
WITH found AS (
  SELECT w.product_id, w.size_us, w.window_start_us, count(*) AS conflicts
  FROM archive_windows w JOIN conflicts c
    ON c.product_id = w.product_id AND c.time_us >= w.window_start_us AND c.time_us < w.window_end_us
  GROUP BY w.product_id, w.size_us, w.window_start_us
)
SELECT utc(w.window_start_us) AS window_start, utc(w.window_end_us) AS window_end, w.*, coalesce(f.conflicts, 0) AS conflicts
FROM archive_windows w LEFT JOIN found f
  ON f.product_id = w.product_id AND f.size_us = w.size_us AND f.window_start_us = w.window_start_us
