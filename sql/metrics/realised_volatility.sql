-- title: Realised volatility by hour
-- description: Square root of the summed squared log returns between the closing prices of neighbouring traded minutes, in percent.
-- chart: line x=hour y=volatility_percent series=product_id
WITH minutes AS (
  SELECT product_id, window_start_of(time_us, 60000000) AS minute_us,
         CAST(max_by(price, (time_us, trade_id)) AS DOUBLE) AS close
  FROM ticks
  WHERE ($product IS NULL OR product_id = $product)
    AND ($from IS NULL OR time >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR time < CAST($to AS TIMESTAMP))
  GROUP BY product_id, minute_us
), returns AS (
  SELECT product_id, minute_us, ln(close / lag(close) OVER (PARTITION BY product_id ORDER BY minute_us)) AS log_return
  FROM minutes
)
SELECT utc(window_start_of(minute_us, 3600000000)) AS hour, product_id,
       100 * sqrt(sum(log_return * log_return)) AS volatility_percent, count(log_return) AS returns
FROM returns
GROUP BY hour, product_id
ORDER BY hour DESC, product_id
