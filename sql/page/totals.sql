-- What the stream has counted of one product, and the event time of its newest tick that is not
-- skewed.
SELECT ticks AS trade_count, max_time_us AS newest_time_us FROM products WHERE product_id = $product
