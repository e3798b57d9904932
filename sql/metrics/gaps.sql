-- title: Gaps
-- description: The hundred longest runs of trade ids that were never stored, and the recorded outages. In the ticker channel a run may be a batched cascade.
-- chart: table
WITH neighbours AS (
  SELECT product_id, trade_id, time, lag(trade_id) OVER ids AS previous_id, lag(time) OVER ids AS previous_time
  FROM ticks
  WHERE ($product IS NULL OR product_id = $product)
    AND ($from IS NULL OR time >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR time < CAST($to AS TIMESTAMP))
  WINDOW ids AS (PARTITION BY product_id ORDER BY trade_id)
)
SELECT 'trade ids' AS kind, product_id, trade_id - previous_id - 1 AS ids, previous_id + 1 AS first_id, trade_id - 1 AS last_id,
       previous_time AS from_time, time AS to_time, NULL AS reason
FROM neighbours
WHERE trade_id - previous_id > 1
UNION ALL
SELECT 'outage', product_id, first_trade_id - last_trade_id - 1, last_trade_id + 1, first_trade_id - 1, from_time, to_time, reason
FROM outages
WHERE ($product IS NULL OR product_id = $product)
ORDER BY ids DESC, first_id, kind
LIMIT 100
