-- What the stream's windows of one product and size hold in all, closed and open.
SELECT count(*) AS windows, coalesce(sum(final <> 0), 0) AS closed, coalesce(sum(trade_count), 0) AS trade_count, max(close_time_us) AS newest_time_us
FROM windows
WHERE product_id = $product AND size_us = $size_us
