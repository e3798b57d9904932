-- title: Windows by minute
-- description: The stream's one-minute windows, computed from every tick ever stored by the same rules, newest first.
-- chart: line x=window_start y=avg_price,vwap series=product_id
-- group: Do both pipelines agree?
-- order: 310
SELECT minute AS window_start, utc(minute_us + 60000000) AS window_end,
       average_price(price_sum, trade_count) AS avg_price, max_price, min_price, max_price - min_price AS price_range,
       CASE WHEN max_price - min_price > volatility_range THEN 'High' ELSE 'Normal' END AS volatility_flag,
       total_volume, trade_count, CAST(buy_count AS DOUBLE) / (sell_count + ratio_epsilon) AS buy_sell_ratio,
       CASE WHEN buy_count * sentiment_denominator > sell_count * sentiment_numerator THEN 'Bullish'
            WHEN sell_count * sentiment_denominator > buy_count * sentiment_numerator THEN 'Bearish'
            ELSE 'Neutral' END AS market_sentiment,
       CASE WHEN total_volume > t.volume_spike THEN 'Spike' ELSE 'Normal' END AS volume_spike,
       product_id, buy_count, sell_count, open_price, close_price, price_sum, notional,
       average_by_volume(notional, total_volume) AS vwap, first_trade_id, last_trade_id
FROM minutes CROSS JOIN thresholds t
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR minute < CAST($to AS TIMESTAMP))
ORDER BY window_start DESC, product_id
