-- One product's ticks, each counted once.
SELECT ticks AS trade_count FROM products WHERE product_id = $product
