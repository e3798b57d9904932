-- title: Candles of five minutes
-- description: Open, high, low, close and volume of each product in five minutes; open and close by the smallest and largest (time, trade_id).
-- chart: line x=start y=open,high,low,close series=product_id
SELECT utc(window_start_of(time_us, 300000000)) AS start, product_id,
       min_by(price, (time_us, trade_id)) AS open, max(price) AS high, min(price) AS low,
       max_by(price, (time_us, trade_id)) AS close,
       sum(last_size) AS volume, count(*) AS trade_count
FROM ticks
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR time >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR time < CAST($to AS TIMESTAMP))
GROUP BY start, product_id
ORDER BY start DESC, product_id
