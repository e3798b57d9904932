-- title: Realised volatility by hour
-- description: Square root of the summed squared log returns between the closing prices of neighbouring traded minutes, in percent.
-- chart: line x=hour y=volatility_percent series=product_id
-- group: How did prices move?
-- order: 140
WITH returns AS (
  SELECT product_id, minute_us,
         ln(CAST(close_price AS DOUBLE) / lag(CAST(close_price AS DOUBLE)) OVER (PARTITION BY product_id ORDER BY minute_us)) AS log_return
  FROM minutes
  WHERE ($product IS NULL OR product_id = $product)
    AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR minute < CAST($to AS TIMESTAMP))
)
SELECT utc(window_start_of(minute_us, 3600000000)) AS hour, product_id,
       100 * sqrt(sum(log_return * log_return)) AS volatility_percent, count(log_return) AS returns
FROM returns
GROUP BY hour, product_id
ORDER BY hour DESC, product_id
