-- title: Coverage
-- description: Ticks stored ÷ trade ids spanned, without ids that were never issued (proved). The ticker channel batches match cascades, so less than 1 does not mean loss there; in the matches channel it does.
-- chart: table
-- group: Is anything missing?
-- order: 400
WITH sums AS (
  SELECT product_id, CAST(sum(trade_count) AS BIGINT) AS ticks, min(first_trade_id) AS first_trade_id, max(last_trade_id) AS last_trade_id
  FROM minutes
  WHERE ($product IS NULL OR product_id = $product)
    AND ($from IS NULL OR minute >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR minute < CAST($to AS TIMESTAMP))
  GROUP BY product_id
), never_issued AS (
  SELECT s.product_id,
         CAST(sum(least(u.last_trade_id, s.last_trade_id) - greatest(u.first_trade_id, s.first_trade_id) + 1) AS BIGINT) AS ids
  FROM sums s JOIN unissued u
    ON u.product_id = s.product_id AND u.first_trade_id <= s.last_trade_id AND u.last_trade_id >= s.first_trade_id
  GROUP BY s.product_id
), spans AS (
  SELECT s.product_id, ticks, first_trade_id, last_trade_id, last_trade_id - first_trade_id + 1 AS ids_spanned,
         coalesce(n.ids, 0) AS ids_unissued
  FROM sums s LEFT JOIN never_issued n ON n.product_id = s.product_id
)
SELECT product_id, ticks, first_trade_id, last_trade_id, ids_spanned, ids_spanned - ids_unissued - ticks AS ids_missing,
       CAST(ticks AS DOUBLE) / (ids_spanned - ids_unissued) AS coverage, ids_unissued
FROM spans
ORDER BY product_id
