-- title: Largest trades
-- description: The twenty trades with the largest price × size.
-- chart: table
-- group: Who bought, who sold?
-- order: 240
WITH whole_minutes AS (
  SELECT max_notional FROM minutes
  WHERE ($product IS NULL OR product_id = $product)
    AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR utc(minute_us + 60000000) <= CAST($to AS TIMESTAMP))
  ORDER BY max_notional DESC LIMIT 20
), highest AS (
  SELECT CAST(max(max_price) AS DOUBLE) AS price FROM minutes WHERE ($product IS NULL OR product_id = $product)
), enough AS ( -- twenty minutes have a trade of this notional, and no price is higher: no smaller size is among the twenty largest
  SELECT CAST(0.999999 * CASE WHEN count(*) = 20 THEN CAST(min(max_notional) AS DOUBLE) ELSE 0 END / max(price) AS DECIMAL(20, 8)) AS size
  FROM whole_minutes CROSS JOIN highest
)
SELECT time, product_id, side, price, last_size, price * last_size AS notional, trade_id
FROM ticks
WHERE ($product IS NULL OR product_id = $product)
  AND ($from IS NULL OR time >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR time < CAST($to AS TIMESTAMP))
  AND last_size >= (SELECT size FROM enough)
ORDER BY notional DESC, trade_id, product_id
LIMIT 20
