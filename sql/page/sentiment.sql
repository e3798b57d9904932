-- How many of the newest closed windows, as many as the charts show, were bullish, neutral, bearish.
SELECT market_sentiment AS sentiment, count(*) AS windows
FROM (
  SELECT market_sentiment FROM windows
  WHERE product_id = $product AND size_us = $size_us AND final <> 0
  ORDER BY window_start_us DESC LIMIT $limit
)
GROUP BY market_sentiment
