-- Download: ticks of a product and a span, `to` exclusive.
SELECT * FROM ticks
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR time >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR time < CAST($to AS TIMESTAMP))
ORDER BY time_us, product_id, trade_id
