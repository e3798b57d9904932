-- title: Summary by product
-- description: One row a product over every tick ever stored: the batch's side of the page's comparison.
-- chart: table
SELECT product_id, average_price(sum(price), count(*)) AS avg_price, max(price) AS max_price, min(price) AS min_price,
       sum(last_size) AS total_volume, count(*) AS trade_count,
       count(*) FILTER (WHERE side = 'buy') AS buy_count, count(*) FILTER (WHERE side = 'sell') AS sell_count,
       average_by_volume(sum(price * last_size), sum(last_size)) AS vwap, sum(price) AS price_sum,
       sum(price * last_size) AS notional, min(time) AS first_time, max(time) AS newest_time
FROM ticks
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR time >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR time < CAST($to AS TIMESTAMP))
GROUP BY product_id
ORDER BY product_id
