-- title: Buy/sell imbalance by hour
-- description: (bought − sold) ÷ traded volume, by the taker's side: 1 is only buying, −1 only selling.
-- chart: bar x=hour y=imbalance series=product_id
-- group: Who bought, who sold?
-- order: 230
WITH hours AS (
  SELECT product_id, utc(window_start_of(minute_us, 3600000000)) AS hour, sum(total_volume) AS total_volume,
         sum(buy_volume) AS buy_volume, sum(total_volume) - sum(buy_volume) AS sell_volume
  FROM minutes
  WHERE ($product IS NULL OR product_id = $product)
    AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR minute < CAST($to AS TIMESTAMP))
  GROUP BY product_id, hour
)
SELECT hour, product_id, buy_volume, sell_volume,
       CASE WHEN total_volume > 0 THEN CAST(buy_volume - sell_volume AS DOUBLE) / CAST(total_volume AS DOUBLE) END AS imbalance
FROM hours
ORDER BY hour DESC, product_id
