-- The ticks of one window of a product, from the archive; `to` exclusive.
SELECT trade_id, time_us, price, last_size, side, source, appended_us, log_partition, log_offset, insert_id
FROM ticks
WHERE product_id = $product AND time >= CAST($from AS TIMESTAMP) AND time < CAST($to AS TIMESTAMP)
ORDER BY time_us, trade_id
