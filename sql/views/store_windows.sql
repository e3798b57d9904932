-- The stream's windows computed again from the stored ticks, up to the place in the log that both jobs have read.
WITH sizes AS (
  SELECT size_us FROM archive_windows UNION SELECT size_us FROM archive_late_ticks
)
SELECT product_id, size_us, window_start_of(time_us, size_us) AS window_start_us,
       count(*) AS trade_count,
       count(*) FILTER (WHERE side = 'buy') AS buy_count,
       count(*) FILTER (WHERE side = 'sell') AS sell_count,
       sum(price) AS price_sum,
       sum(last_size) AS total_volume,
       sum(price * last_size) AS notional,
       max(price) AS max_price,
       min(price) AS min_price,
       min_by(price, (time_us, trade_id)) AS open_price,
       max_by(price, (time_us, trade_id)) AS close_price,
       min(trade_id) AS first_trade_id,
       max(trade_id) AS last_trade_id
FROM archive_ticks JOIN positions USING (log_partition) CROSS JOIN sizes
WHERE log_offset < reached
GROUP BY product_id, size_us, window_start_us
