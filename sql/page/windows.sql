-- The stream's windows, newest first. The last revision of a closed one has its late ticks, and the
-- ids up to its last that are still missing.
SELECT w.*, coalesce(r.trade_count - w.trade_count, 0) AS late, min(w.missing, coalesce(r.missing, w.missing)) AS missing_still
FROM windows w LEFT JOIN window_revisions r
  ON r.product_id = w.product_id AND r.size_us = w.size_us AND r.window_start_us = w.window_start_us
  AND r.revision = (SELECT max(n.revision) FROM window_revisions n WHERE n.product_id = w.product_id AND n.size_us = w.size_us
                    AND n.window_start_us = w.window_start_us)
WHERE ($product IS NULL OR w.product_id = $product) AND ($size_us IS NULL OR w.size_us = $size_us)
  AND ($from_us IS NULL OR w.window_start_us >= $from_us) AND ($to_us IS NULL OR w.window_start_us < $to_us)
ORDER BY w.window_start_us DESC, w.product_id, w.size_us
LIMIT $limit
