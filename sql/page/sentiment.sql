-- How many of the newest closed windows were bullish, neutral and bearish.
SELECT market_sentiment AS sentiment, count(*) AS windows
FROM (
  SELECT market_sentiment FROM windows
  WHERE product_id = $product AND size_us = $size_us AND final <> 0
  ORDER BY window_start_us DESC LIMIT $limit
)
GROUP BY market_sentiment
