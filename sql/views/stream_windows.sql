-- What must equal the store: each closed window with its late ticks, and each last revision.
WITH parts AS (
  SELECT 'window and late ticks' AS account, product_id, size_us, window_start_us, trade_count, buy_count, sell_count,
         price_sum, total_volume, notional, max_price, min_price, open_price, open_time_us, open_trade_id,
         close_price, close_time_us, close_trade_id, first_trade_id, last_trade_id, 0 AS late_count, wrong
  FROM stream_rows WHERE account = 'window'
  UNION ALL
  SELECT 'window and late ticks', product_id, size_us, window_start_us, 1,
         CASE WHEN side = 'buy' THEN 1 ELSE 0 END, CASE WHEN side = 'sell' THEN 1 ELSE 0 END,
         price, last_size, price * last_size, price, price, price, time_us, trade_id,
         price, time_us, trade_id, trade_id, trade_id, 1, ''
  FROM archive_late_ticks JOIN positions USING (log_partition) WHERE log_offset < reached
  UNION ALL
  SELECT account, product_id, size_us, window_start_us, trade_count, buy_count, sell_count,
         price_sum, total_volume, notional, max_price, min_price, open_price, open_time_us, open_trade_id,
         close_price, close_time_us, close_trade_id, first_trade_id, last_trade_id, 0, wrong
  FROM stream_rows WHERE account = 'last revision'
)
SELECT account, product_id, size_us, window_start_us, sum(trade_count) AS trade_count, sum(buy_count) AS buy_count,
       sum(sell_count) AS sell_count, sum(price_sum) AS price_sum, sum(total_volume) AS total_volume,
       try_sum(notional) AS notional, max(max_price) AS max_price, min(min_price) AS min_price,
       min_by(open_price, (open_time_us, open_trade_id)) AS open_price,
       max_by(close_price, (close_time_us, close_trade_id)) AS close_price,
       min(first_trade_id) AS first_trade_id, max(last_trade_id) AS last_trade_id,
       sum(late_count) AS late_count, max(wrong) AS wrong
FROM parts GROUP BY account, product_id, size_us, window_start_us
