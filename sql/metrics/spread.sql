-- title: Spread by hour
-- description: Best ask − best bid as they were at each trade. Empty where the feed sent no quotes (recordings without them, the matches channel).
-- chart: line x=hour y=average_spread series=product_id
-- group: How did prices move?
-- order: 150
SELECT utc(window_start_of(minute_us, 3600000000)) AS hour, product_id,
       CAST(sum(spread_sum) AS DOUBLE) / sum(quotes) AS average_spread,
       min(min_spread) AS smallest_spread, max(max_spread) AS largest_spread, CAST(sum(quotes) AS BIGINT) AS quotes
FROM minutes
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR minute < CAST($to AS TIMESTAMP))
  AND quotes > 0
GROUP BY hour, product_id
ORDER BY hour DESC, product_id
