-- One product's windows of one size between two starts, newest first, as the chart draws them. `late`:
-- what the last revision has more than the closed window.
SELECT w.window_start_us, w.open_price, w.max_price, w.min_price, w.close_price, w.total_volume, w.trade_count, w.vwap,
       w.notional, w.final, w.updated_at,
       coalesce((SELECT r.trade_count FROM window_revisions r
                 WHERE r.product_id = w.product_id AND r.size_us = w.size_us AND r.window_start_us = w.window_start_us
                 ORDER BY r.revision DESC LIMIT 1) - w.trade_count, 0) AS late
FROM windows w
WHERE w.product_id = $product AND w.size_us = $size_us AND w.window_start_us >= $from_us AND w.window_start_us < $to_us
ORDER BY w.window_start_us DESC
LIMIT $limit
