-- The stream's windows computed again from the store, up to the position that both jobs have read.
-- Whole minutes come from the archive's sums; others, and windows of other sizes, from the ticks.
-- Minutes with history are left out, so that no run reads all of it: skipped_windows has their
-- windows.
WITH cut AS (
  SELECT DISTINCT product_id, minute_us, log_partition
  FROM archive_minutes JOIN positions USING (log_partition) ANTI JOIN archive_history_minutes USING (product_id, minute_us)
  WHERE last_offset >= reached
), single AS (
  SELECT t.product_id, size_us, window_start_of(time_us, every_us) - back_us AS window_start_us, time_us, trade_id, price, last_size, side
  FROM archive_ticks t JOIN positions p USING (log_partition)
  JOIN cut c ON c.product_id = t.product_id AND c.log_partition = t.log_partition AND c.minute_us = window_start_of(time_us, 60000000)
  JOIN hops ON whole_minutes WHERE log_offset < reached
  UNION ALL
  SELECT t.product_id, size_us, window_start_of(time_us, every_us) - back_us, time_us, trade_id, price, last_size, side
  FROM archive_ticks t JOIN positions USING (log_partition) JOIN hops ON NOT whole_minutes
  ANTI JOIN archive_history_minutes h ON h.product_id = t.product_id AND h.minute_us = window_start_of(t.time_us, 60000000)
  WHERE log_offset < reached AND source <> 'backfill'
), parts AS (
  SELECT product_id, size_us, window_start_of(minute_us, every_us) - back_us AS window_start_us, trade_count, buy_count, sell_count, price_sum,
         total_volume, notional, max_price, min_price, open_price, open_time_us, open_trade_id, close_price, close_time_us,
         close_trade_id, first_trade_id, last_trade_id
  FROM archive_minutes m SEMI JOIN positions USING (log_partition) ANTI JOIN cut USING (product_id, minute_us, log_partition)
  ANTI JOIN archive_history_minutes USING (product_id, minute_us) JOIN hops ON whole_minutes
  UNION ALL
  SELECT product_id, size_us, window_start_us, 1, CASE WHEN side = 'buy' THEN 1 ELSE 0 END,
         CASE WHEN side = 'sell' THEN 1 ELSE 0 END, price, last_size, price * last_size, price, price, price, time_us, trade_id,
         price, time_us, trade_id, trade_id, trade_id
  FROM single
)
SELECT product_id, size_us, window_start_us, sum(trade_count) AS trade_count, sum(buy_count) AS buy_count,
       sum(sell_count) AS sell_count, sum(price_sum) AS price_sum, sum(total_volume) AS total_volume, try_sum(notional) AS notional,
       max(max_price) AS max_price, min(min_price) AS min_price,
       min_by(open_price, (open_time_us, open_trade_id)) AS open_price,
       max_by(close_price, (close_time_us, close_trade_id)) AS close_price,
       min(first_trade_id) AS first_trade_id, max(last_trade_id) AS last_trade_id
FROM parts GROUP BY product_id, size_us, window_start_us
