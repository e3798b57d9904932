-- Every tick ever stored, once. `time` is the exchange's, in UTC with microseconds; `side` is the
-- taker's.
SELECT product_id, trade_id, time, time_us, price, last_size, side, best_bid, best_ask, source,
       appended_us, log_partition, log_offset, insert_id
FROM archive_ticks
