-- title: Summary by product
-- description: One row per product over every tick ever stored: the batch's side of the page's comparison.
-- chart: table
-- group: Who bought, who sold?
-- order: 200
SELECT product_id, average_price(sum(price_sum), sum(trade_count)) AS avg_price, max(max_price) AS max_price, min(min_price) AS min_price,
       sum(total_volume) AS total_volume, CAST(sum(trade_count) AS BIGINT) AS trade_count,
       CAST(sum(buy_count) AS BIGINT) AS buy_count, CAST(sum(sell_count) AS BIGINT) AS sell_count,
       average_by_volume(try_sum(notional), sum(total_volume)) AS vwap, sum(price_sum) AS price_sum, try_sum(notional) AS notional,
       utc(min(open_time_us)) AS first_time, utc(max(close_time_us)) AS newest_time
FROM minutes
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR minute < CAST($to AS TIMESTAMP))
GROUP BY product_id
ORDER BY product_id
