-- title: VWAP by hour
-- description: Volume-weighted average price of each hour: the sum of price × size ÷ the volume, exact to ten decimals.
-- chart: line x=hour y=vwap series=product_id
SELECT utc(window_start_of(time_us, 3600000000)) AS hour, product_id,
       average_by_volume(sum(price * last_size), sum(last_size)) AS vwap,
       sum(price * last_size) AS notional, sum(last_size) AS total_volume
FROM ticks
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR time >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR time < CAST($to AS TIMESTAMP))
GROUP BY hour, product_id
ORDER BY hour DESC, product_id
