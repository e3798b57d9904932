-- title: Gaps
-- description: The hundred longest runs of trade ids that were never stored, and the recorded outages. In the ticker channel a run may be a batched cascade.
-- chart: table
WITH spans AS (
  SELECT product_id, first_trade_id AS first_id, last_trade_id AS last_id
  FROM minutes
  WHERE ($product IS NULL OR product_id = $product) AND trade_count = last_trade_id - first_trade_id + 1
    AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR minute < CAST($to AS TIMESTAMP))
  UNION ALL
  SELECT t.product_id, trade_id, trade_id
  FROM ticks t JOIN minutes m ON m.product_id = t.product_id AND m.minute_us = window_start_of(time_us, 60000000)
  WHERE ($product IS NULL OR t.product_id = $product) AND trade_count < last_trade_id - first_trade_id + 1
    AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR minute < CAST($to AS TIMESTAMP))
), ordered AS (
  SELECT product_id, first_id, lag(last_id) OVER (PARTITION BY product_id ORDER BY first_id) AS previous_id FROM spans
), longest AS (
  SELECT * FROM ordered WHERE first_id - previous_id > 1 ORDER BY first_id - previous_id DESC, first_id LIMIT 100
)
SELECT 'trade ids' AS kind, g.product_id, first_id - previous_id - 1 AS ids, previous_id + 1 AS first_id, first_id - 1 AS last_id,
       a.time AS from_time, b.time AS to_time, NULL AS reason
FROM longest g JOIN ticks a ON a.product_id = g.product_id AND a.trade_id = previous_id
JOIN ticks b ON b.product_id = g.product_id AND b.trade_id = g.first_id
UNION ALL
SELECT 'outage', product_id, first_trade_id - last_trade_id - 1, last_trade_id + 1, first_trade_id - 1, from_time, to_time, reason
FROM outages
WHERE ($product IS NULL OR product_id = $product)
ORDER BY ids DESC, first_id, kind
LIMIT 100
