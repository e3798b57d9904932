-- title: Spread by hour
-- description: Best ask − best bid as they stood at each trade. Empty where the feed brought no quotes (recordings without them, the matches channel).
-- chart: line x=hour y=average_spread series=product_id
SELECT utc(window_start_of(time_us, 3600000000)) AS hour, product_id,
       CAST(sum(best_ask - best_bid) AS DOUBLE) / count(*) AS average_spread,
       min(best_ask - best_bid) AS smallest_spread, max(best_ask - best_bid) AS largest_spread, count(*) AS quotes
FROM ticks
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR time >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR time < CAST($to AS TIMESTAMP))
  AND best_ask IS NOT NULL AND best_bid IS NOT NULL
GROUP BY hour, product_id
ORDER BY hour DESC, product_id
