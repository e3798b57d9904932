-- The sums of each minute, product and partition, which the archive keeps beside the ticks; parts
-- of one minute add up (merge.sql).
SELECT product_id, window_start_of(time_us, 60000000) AS minute_us, log_partition,
       max(log_offset) AS last_offset,
       count(*) AS trade_count,
       count(*) FILTER (WHERE side = 'buy') AS buy_count,
       count(*) FILTER (WHERE side = 'sell') AS sell_count,
       sum(price) AS price_sum,
       sum(last_size) AS total_volume,
       sum(CASE WHEN side = 'buy' THEN last_size ELSE 0 END) AS buy_volume,
       try_sum(price * last_size) AS notional,
       max(price * last_size) AS max_notional,
       max(price) AS max_price,
       min(price) AS min_price,
       min_by(price, (time_us, trade_id)) AS open_price,
       min(time_us) AS open_time_us,
       min_by(trade_id, (time_us, trade_id)) AS open_trade_id,
       max_by(price, (time_us, trade_id)) AS close_price,
       max(time_us) AS close_time_us,
       max_by(trade_id, (time_us, trade_id)) AS close_trade_id,
       min(trade_id) AS first_trade_id,
       max(trade_id) AS last_trade_id,
       count(best_ask - best_bid) AS quotes,
       sum(best_ask - best_bid) AS spread_sum,
       min(best_ask - best_bid) AS min_spread,
       max(best_ask - best_bid) AS max_spread
FROM new_ticks
GROUP BY product_id, minute_us, log_partition
