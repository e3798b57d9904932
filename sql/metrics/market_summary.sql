-- title: Market summary
-- description: One row over every tick ever stored, the replaced pipeline's columns first. Several products are taken together unless one is chosen: Summary by product keeps them apart.
-- chart: table
-- group: Who bought, who sold?
-- order: 210
WITH sums AS (
  SELECT CAST(sum(trade_count) AS BIGINT) AS trade_count, CAST(sum(buy_count) AS BIGINT) AS buy_count,
         CAST(sum(sell_count) AS BIGINT) AS sell_count,
         sum(price_sum) AS price_sum, max(max_price) AS max_price, min(min_price) AS min_price,
         sum(total_volume) AS total_volume, try_sum(notional) AS notional, count(DISTINCT product_id) AS products,
         utc(min(open_time_us)) AS first_time, utc(max(close_time_us)) AS newest_time
  FROM minutes
  WHERE ($product IS NULL OR product_id = $product)
    AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR minute < CAST($to AS TIMESTAMP))
)
SELECT average_price(price_sum, trade_count) AS avg_price, max_price, min_price, total_volume,
       trade_count, buy_count, sell_count, max_price - min_price AS price_range,
       CASE WHEN max_price - min_price > volatility_range THEN 'High' ELSE 'Normal' END AS volatility_flag,
       CASE WHEN buy_count * sentiment_denominator > sell_count * sentiment_numerator THEN 'Bullish'
            WHEN sell_count * sentiment_denominator > buy_count * sentiment_numerator THEN 'Bearish'
            ELSE 'Neutral' END AS market_sentiment,
       CASE WHEN total_volume > t.volume_spike THEN 'Spike' ELSE 'Normal' END AS volume_spike,
       CAST(buy_count AS DOUBLE) / (sell_count + ratio_epsilon) AS buy_sell_ratio,
       average_by_volume(notional, total_volume) AS vwap, price_sum, notional, products, first_time, newest_time
FROM sums CROSS JOIN thresholds t
WHERE trade_count > 0
