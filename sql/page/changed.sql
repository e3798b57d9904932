-- Windows of one product and size that changed after a commit, oldest first.
SELECT w.*, 0 AS late, w.missing AS missing_still
FROM windows w
WHERE w.change_id > $after AND w.product_id = $product AND w.size_us = $size_us
ORDER BY w.window_start_us
LIMIT $limit
