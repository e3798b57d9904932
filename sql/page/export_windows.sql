-- Download: windows of a product and a span of their starts, `to` exclusive.
SELECT * FROM windows
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR window_start >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR window_start < CAST($to AS TIMESTAMP))
ORDER BY window_start_us, product_id, size_us
