-- The stream's windows, newest first; `revision` counts the late ticks of a closed one.
SELECT w.*, coalesce((SELECT max(r.revision) FROM window_revisions r WHERE r.product_id = w.product_id AND r.size_us = w.size_us
                      AND r.window_start_us = w.window_start_us), 0) AS revision
FROM windows w
WHERE ($product IS NULL OR w.product_id = $product) AND ($size_us IS NULL OR w.size_us = $size_us)
  AND ($from_us IS NULL OR w.window_start_us >= $from_us) AND ($to_us IS NULL OR w.window_start_us < $to_us)
ORDER BY w.window_start_us DESC, w.product_id, w.size_us
LIMIT $limit
