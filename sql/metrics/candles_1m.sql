-- title: Candles of one minute
-- description: Open, high, low, close and volume of each product in one minute; open and close by the smallest and largest (time, trade_id).
-- chart: candle x=start open=open high=high low=low close=close volume=volume series=product_id
-- group: How did prices move?
-- order: 100
SELECT minute AS start, product_id, open_price AS open, max_price AS high, min_price AS low, close_price AS close,
       total_volume AS volume, trade_count
FROM minutes
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR minute < CAST($to AS TIMESTAMP))
ORDER BY start DESC, product_id
