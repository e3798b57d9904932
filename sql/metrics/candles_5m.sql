-- title: Candles of five minutes
-- description: Open, high, low, close and volume of each product in five minutes; open and close by the smallest and largest (time, trade_id).
-- chart: candle x=start open=open high=high low=low close=close volume=volume series=product_id
-- group: How did prices move?
-- order: 110
SELECT utc(window_start_of(minute_us, 300000000)) AS start, product_id,
       min_by(open_price, (open_time_us, open_trade_id)) AS open, max(max_price) AS high, min(min_price) AS low,
       max_by(close_price, (close_time_us, close_trade_id)) AS close,
       sum(total_volume) AS volume, CAST(sum(trade_count) AS BIGINT) AS trade_count
FROM minutes
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR minute < CAST($to AS TIMESTAMP))
GROUP BY start, product_id
ORDER BY start DESC, product_id
