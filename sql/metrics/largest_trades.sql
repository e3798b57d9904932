-- title: Largest trades
-- description: The twenty trades with the largest price × size.
-- chart: table
SELECT time, product_id, side, price, last_size, price * last_size AS notional, trade_id
FROM ticks
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR time >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR time < CAST($to AS TIMESTAMP))
ORDER BY notional DESC, trade_id, product_id
LIMIT 20
