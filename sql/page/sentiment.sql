-- How many closed windows were bullish, neutral, bearish.
SELECT market_sentiment AS sentiment, count(*) AS windows
FROM windows
WHERE product_id = $product AND size_us = $size_us AND final <> 0
GROUP BY market_sentiment
