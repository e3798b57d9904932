-- The stream's windows, newest first. The last revision of a closed one has its late ticks, and the
-- ids up to its last that are still missing, with those of them that were never issued.
SELECT w.*, coalesce(r.trade_count - w.trade_count, 0) AS late, min(w.missing, coalesce(r.missing, w.missing)) AS missing_still,
  min(w.missing, coalesce(r.missing, w.missing), coalesce(r.unissued, w.unissued)) AS unissued_still
FROM windows w LEFT JOIN window_revisions r
  ON r.product_id = w.product_id AND r.size_us = w.size_us AND r.window_start_us = w.window_start_us
  AND r.revision = (SELECT max(n.revision) FROM window_revisions n WHERE n.product_id = w.product_id AND n.size_us = w.size_us
                    AND n.window_start_us = w.window_start_us)
WHERE w.product_id = $product AND w.size_us = $size_us
  AND w.window_start_us >= coalesce($from_us, -9223372036854775808) AND w.window_start_us < coalesce($to_us, 9223372036854775807)
ORDER BY w.window_start_us DESC, w.product_id, w.size_us
LIMIT $limit
