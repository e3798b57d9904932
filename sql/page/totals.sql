-- One product's ticks, each counted once, and its event-time high mark.
SELECT ticks AS trade_count, max_time_us AS newest_time_us FROM products WHERE product_id = $product
