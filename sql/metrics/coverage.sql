-- title: Coverage
-- description: Ticks stored ÷ trade ids spanned. The ticker channel batches match cascades, so less than 1 is no loss there; in the matches channel it is.
-- chart: table
SELECT product_id, count(*) AS ticks, min(trade_id) AS first_trade_id, max(trade_id) AS last_trade_id,
       max(trade_id) - min(trade_id) + 1 AS ids_spanned, max(trade_id) - min(trade_id) + 1 - count(*) AS ids_missing,
       CAST(count(*) AS DOUBLE) / (max(trade_id) - min(trade_id) + 1) AS coverage
FROM ticks
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR time >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR time < CAST($to AS TIMESTAMP))
GROUP BY product_id
ORDER BY product_id
