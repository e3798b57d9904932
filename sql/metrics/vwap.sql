-- title: VWAP by hour
-- description: Volume-weighted average price of each hour: the sum of price × size ÷ the volume, exact to ten decimals.
-- chart: line x=hour y=vwap series=product_id
-- group: How did prices move?
-- order: 130
SELECT utc(window_start_of(minute_us, 3600000000)) AS hour, product_id,
       average_by_volume(try_sum(notional), sum(total_volume)) AS vwap,
       try_sum(notional) AS notional, sum(total_volume) AS total_volume
FROM minutes
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR minute < CAST($to AS TIMESTAMP))
GROUP BY hour, product_id
ORDER BY hour DESC, product_id
