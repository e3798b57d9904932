-- Of the newest windows of one product and size those that changed after a commit, oldest first.
SELECT w.*, 0 AS late, w.missing AS missing_still
FROM (
  SELECT * FROM windows
  WHERE product_id = $product AND size_us = $size_us
  ORDER BY window_start_us DESC
  LIMIT $limit
) w
WHERE w.change_id > $after
ORDER BY w.window_start_us
