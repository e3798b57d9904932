-- title: Sentiment by hour
-- description: Buys against sells and the volume of each hour; Bullish or Bearish when one side leads by more than a fifth.
-- chart: bar x=hour y=buy_count,sell_count series=product_id
-- group: Who bought, who sold?
-- order: 220
WITH hours AS (
  SELECT product_id, utc(window_start_of(minute_us, 3600000000)) AS hour,
         CAST(sum(trade_count) AS BIGINT) AS trade_count, CAST(sum(buy_count) AS BIGINT) AS buy_count,
         CAST(sum(sell_count) AS BIGINT) AS sell_count, sum(total_volume) AS total_volume
  FROM minutes
  WHERE ($product IS NULL OR product_id = $product)
    AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR minute < CAST($to AS TIMESTAMP))
  GROUP BY product_id, hour
)
SELECT hour, product_id, trade_count, buy_count, sell_count, total_volume,
       CASE WHEN buy_count * sentiment_denominator > sell_count * sentiment_numerator THEN 'Bullish'
            WHEN sell_count * sentiment_denominator > buy_count * sentiment_numerator THEN 'Bearish'
            ELSE 'Neutral' END AS market_sentiment
FROM hours CROSS JOIN thresholds
ORDER BY hour DESC, product_id
