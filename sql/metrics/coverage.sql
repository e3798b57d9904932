-- title: Coverage
-- description: Ticks stored ÷ trade ids spanned. The ticker channel batches match cascades, so less than 1 does not mean loss there; in the matches channel it does.
-- chart: table
-- group: Is anything missing?
-- order: 400
WITH sums AS (
  SELECT product_id, CAST(sum(trade_count) AS BIGINT) AS ticks, min(first_trade_id) AS first_trade_id, max(last_trade_id) AS last_trade_id
  FROM minutes
  WHERE ($product IS NULL OR product_id = $product)
    AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR minute < CAST($to AS TIMESTAMP))
  GROUP BY product_id
)
SELECT product_id, ticks, first_trade_id, last_trade_id,
       last_trade_id - first_trade_id + 1 AS ids_spanned, last_trade_id - first_trade_id + 1 - ticks AS ids_missing,
       CAST(ticks AS DOUBLE) / (last_trade_id - first_trade_id + 1) AS coverage
FROM sums
ORDER BY product_id
