-- The batch's windows of one product that start in a span, newest first, from the archive's minutes.
-- 60000000 stands for the windows' size in microseconds, which is whole minutes.
SELECT utc(window_start_of(minute_us, 60000000)) AS window_start,
       min_by(open_price, (open_time_us, open_trade_id)) AS open_price, max(max_price) AS max_price, min(min_price) AS min_price,
       max_by(close_price, (close_time_us, close_trade_id)) AS close_price, sum(total_volume) AS total_volume,
       CAST(sum(trade_count) AS BIGINT) AS trade_count, try_sum(notional) AS notional,
       average_by_volume(try_sum(notional), sum(total_volume)) AS vwap
FROM minutes
WHERE product_id = $product AND minute >= CAST($from AS TIMESTAMP) AND minute < CAST($to AS TIMESTAMP)
GROUP BY window_start
ORDER BY window_start DESC
