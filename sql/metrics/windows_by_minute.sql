-- title: Windows by minute
-- description: The stream's one-minute windows, computed from every tick ever stored by the same rules, newest first.
-- chart: line x=window_start y=avg_price,vwap series=product_id
WITH sums AS (
  SELECT product_id, window_start_of(time_us, 60000000) AS window_start_us,
         count(*) AS trade_count,
         count(*) FILTER (WHERE side = 'buy') AS buy_count,
         count(*) FILTER (WHERE side = 'sell') AS sell_count,
         sum(price) AS price_sum, max(price) AS max_price, min(price) AS min_price,
         sum(last_size) AS total_volume, sum(price * last_size) AS notional,
         min_by(price, (time_us, trade_id)) AS open_price, max_by(price, (time_us, trade_id)) AS close_price,
         min(trade_id) AS first_trade_id, max(trade_id) AS last_trade_id
  FROM ticks
  WHERE ($product IS NULL OR product_id = $product)
    AND ($from IS NULL OR time >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR time < CAST($to AS TIMESTAMP))
  GROUP BY product_id, window_start_us
)
SELECT utc(window_start_us) AS window_start, utc(window_start_us + 60000000) AS window_end,
       average_price(price_sum, trade_count) AS avg_price, max_price, min_price, max_price - min_price AS price_range,
       CASE WHEN max_price - min_price > volatility_range THEN 'High' ELSE 'Normal' END AS volatility_flag,
       total_volume, trade_count, CAST(buy_count AS DOUBLE) / (sell_count + ratio_epsilon) AS buy_sell_ratio,
       CASE WHEN buy_count * sentiment_denominator > sell_count * sentiment_numerator THEN 'Bullish'
            WHEN sell_count * sentiment_denominator > buy_count * sentiment_numerator THEN 'Bearish'
            ELSE 'Neutral' END AS market_sentiment,
       CASE WHEN total_volume > t.volume_spike THEN 'Spike' ELSE 'Normal' END AS volume_spike,
       product_id, buy_count, sell_count, open_price, close_price, price_sum, notional,
       average_by_volume(notional, total_volume) AS vwap, first_trade_id, last_trade_id
FROM sums CROSS JOIN thresholds t
ORDER BY window_start DESC, product_id
