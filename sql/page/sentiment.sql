-- Whether the newest closed windows that start in a span were bullish, neutral or bearish.
SELECT market_sentiment AS sentiment FROM windows
WHERE product_id = $product AND size_us = $size_us AND final <> 0
  AND window_start_us >= $from_us AND window_start_us < $to_us
ORDER BY window_start_us DESC LIMIT $limit
