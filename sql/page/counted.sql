-- One product's newest windows of one size that start in a span, newest first: the ticks in their
-- rows, those with late ones, and when they became final.
-- A window whose ticks were all late has revisions only: it has become final with the first one.
WITH RECURSIVE revised (window_start_us, n) AS (
  SELECT max(window_start_us), 1 FROM window_revisions
  WHERE product_id = $product AND size_us = $size_us AND window_start_us >= $from_us AND window_start_us < $to_us
  UNION ALL
  SELECT (SELECT max(r.window_start_us) FROM window_revisions r
          WHERE r.product_id = $product AND r.size_us = $size_us AND r.window_start_us >= $from_us
            AND r.window_start_us < v.window_start_us), v.n + 1
  FROM revised v WHERE v.window_start_us IS NOT NULL AND v.n < $limit
), newest AS MATERIALIZED (
  SELECT window_start_us, trade_count, final, updated_at FROM windows
  WHERE product_id = $product AND size_us = $size_us AND window_start_us >= $from_us AND window_start_us < $to_us
  ORDER BY window_start_us DESC
  LIMIT $limit
), all_late AS MATERIALIZED (
  SELECT v.window_start_us, 0 AS trade_count, 1 AS final,
         (SELECT r.updated_at FROM window_revisions r
          WHERE r.product_id = $product AND r.size_us = $size_us AND r.window_start_us = v.window_start_us
          ORDER BY r.revision LIMIT 1) AS updated_at
  FROM revised v
  WHERE v.window_start_us IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM windows o WHERE o.product_id = $product AND o.size_us = $size_us
                    AND o.window_start_us = v.window_start_us)
)
SELECT w.window_start_us, w.trade_count AS row_count, w.final, w.updated_at,
       coalesce((SELECT r.trade_count FROM window_revisions r
                 WHERE r.product_id = $product AND r.size_us = $size_us AND r.window_start_us = w.window_start_us
                 ORDER BY r.revision DESC LIMIT 1), w.trade_count) AS all_count
FROM (
  SELECT * FROM newest UNION ALL SELECT * FROM all_late ORDER BY window_start_us DESC LIMIT $limit
) w
ORDER BY w.window_start_us DESC
