-- What the stream job reports: each closed window, and the last revision of each. `wrong` names the
-- derived columns that don't follow from the row's own sums; it is empty when all do.
WITH claims AS (
  SELECT 'window' AS account, * FROM archive_windows WHERE final <> 0
  UNION ALL
  SELECT 'last revision' AS account, * EXCLUDE (revision, caused_by_trade_id, log_partition, log_offset, newest)
  FROM (
    SELECT r.*, row_number() OVER (PARTITION BY product_id, size_us, window_start_us ORDER BY revision DESC) AS newest
    FROM archive_window_revisions r JOIN positions USING (log_partition)
    WHERE log_offset < reached
  )
  WHERE newest = 1
)
SELECT claims.*,
  concat_ws(', ',
    CASE WHEN avg_price <> average_price(price_sum, trade_count) THEN 'avg_price' END,
    CASE WHEN notional IS NOT NULL AND vwap IS DISTINCT FROM average_by_volume(notional, total_volume) THEN 'vwap' END,
    CASE WHEN price_range <> max_price - min_price THEN 'price_range' END,
    CASE WHEN buy_sell_ratio <> CAST(buy_count AS DOUBLE) / (sell_count + ratio_epsilon) THEN 'buy_sell_ratio' END,
    CASE WHEN volatility_flag <> CASE WHEN price_range > volatility_range THEN 'High' ELSE 'Normal' END THEN 'volatility_flag' END,
    CASE WHEN claims.volume_spike <> CASE WHEN total_volume > t.volume_spike THEN 'Spike' ELSE 'Normal' END THEN 'volume_spike' END,
    CASE WHEN market_sentiment <> CASE WHEN buy_count * sentiment_denominator > sell_count * sentiment_numerator THEN 'Bullish'
                                       WHEN sell_count * sentiment_denominator > buy_count * sentiment_numerator THEN 'Bearish'
                                       ELSE 'Neutral' END THEN 'market_sentiment' END) AS wrong
FROM claims CROSS JOIN thresholds t
