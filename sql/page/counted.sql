-- Of one product's newest windows of one size those that are open or became final since a time, newest
-- first: the ticks in their rows, those with late ones, how far the stream has read, as of one commit.
SELECT w.window_start_us, w.trade_count AS row_count, w.final,
       coalesce((SELECT r.trade_count FROM window_revisions r
                 WHERE r.product_id = w.product_id AND r.size_us = w.size_us AND r.window_start_us = w.window_start_us
                 ORDER BY r.revision DESC LIMIT 1), w.trade_count) AS all_count,
       (SELECT json_group_object(log_partition, next_offset) FROM offsets) AS positions
FROM (
  SELECT * FROM windows
  WHERE product_id = $product AND size_us = $size_us
  ORDER BY window_start_us DESC
  LIMIT $limit
) w
WHERE w.final = 0 OR w.updated_at >= $from_us
ORDER BY w.window_start_us DESC
