-- title: Gaps
-- description: The hundred longest runs of trade ids that were never stored, and the recorded outages, without ids that were never issued (proved). In the ticker channel a run may be a batched cascade.
-- chart: table
-- group: Is anything missing?
-- order: 410
-- portable: no (bitstring_agg: Spark would have to sort every tick, beyond a metric's memory)
WITH blocks AS ( -- a thousand trade ids each
  SELECT product_id, trade_id // 1000 AS block, count(*) AS ids, min(trade_id) AS lowest, max(trade_id) AS highest
  FROM ticks
  WHERE ($product IS NULL OR product_id = $product)
    AND ($from IS NULL OR time >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR time < CAST($to AS TIMESTAMP))
  GROUP BY product_id, block
), proved AS (
  SELECT product_id, first_trade_id, last_trade_id FROM unissued WHERE $product IS NULL OR product_id = $product
), never_issued AS ( -- in each block, between its stored ids
  SELECT b.product_id, b.block, sum(least(last_trade_id, highest) - greatest(first_trade_id, lowest) + 1) AS ids
  FROM blocks b JOIN (SELECT *, unnest(range(first_trade_id // 1000, last_trade_id // 1000 + 1)) AS block FROM proved) p
    ON p.product_id = b.product_id AND p.block = b.block AND last_trade_id > lowest AND first_trade_id < highest
  GROUP BY b.product_id, b.block
), holed AS ( -- those with a run inside
  SELECT b.product_id, b.block, b.ids >= 50 AS dense
  FROM blocks b LEFT JOIN never_issued n ON n.product_id = b.product_id AND n.block = b.block
  WHERE highest - lowest + 1 > b.ids + coalesce(n.ids, 0)
), inside AS (
  SELECT ticks.product_id, trade_id, trade_id // 1000 AS block, dense
  FROM ticks JOIN holed ON holed.product_id = ticks.product_id AND holed.block = trade_id // 1000
  WHERE ($product IS NULL OR ticks.product_id = $product)
    AND ($from IS NULL OR time >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR time < CAST($to AS TIMESTAMP))
), bitmaps AS ( -- `stored` has a 1 for each id that is there; a bitmap of few ids would cost a kilobyte for each of them
  SELECT product_id, block, CAST(bitstring_agg(trade_id % 1000, 0, 999) AS VARCHAR) AS stored
  FROM inside WHERE dense GROUP BY product_id, block
), inner_runs AS (
  SELECT product_id, block, stored, length(unnest(regexp_extract_all(trim(stored, '0'), '0+'))) AS ids FROM bitmaps
), stored_ids AS ( -- of the stored ids in the blocks with the longest runs, of which proofs may leave 100
  SELECT DISTINCT product_id, block * 1000 + i AS id, block
  FROM (SELECT * FROM inner_runs ORDER BY ids DESC, block, product_id LIMIT 200) CROSS JOIN range(1000) AS r(i)
  WHERE stored[i + 1] = '1'
), runs AS (
  SELECT product_id, lag(highest) OVER (PARTITION BY product_id ORDER BY block) AS before, lowest AS after FROM blocks
  UNION ALL
  SELECT product_id, lag(id) OVER (PARTITION BY product_id, block ORDER BY id), id FROM stored_ids
  UNION ALL
  SELECT product_id, lag(trade_id) OVER (PARTITION BY product_id, block ORDER BY trade_id), trade_id FROM inside WHERE NOT dense
), widest AS MATERIALIZED ( -- more than 100: proofs may split some
  SELECT * FROM runs WHERE after - before > 1 ORDER BY after - before DESC, before, product_id LIMIT 2000
), touched AS ( -- runs with ids that were never issued, once for each proof
  SELECT widest.*, first_trade_id, last_trade_id
  FROM widest JOIN proved ON proved.product_id = widest.product_id AND first_trade_id < after AND last_trade_id > before
), pieces AS ( -- `lo` to `hi` between two stored ids; of a touched run what is left between the proofs
  SELECT product_id, before, after, before + 1 AS lo, after - 1 AS hi FROM widest ANTI JOIN touched USING (product_id, before, after)
  UNION ALL
  SELECT product_id, before, after,
         1 + coalesce(lag(last_trade_id) OVER (PARTITION BY product_id, before ORDER BY first_trade_id), before), first_trade_id - 1
  FROM touched
  UNION ALL
  SELECT product_id, before, after, max(last_trade_id) + 1, after - 1 FROM touched GROUP BY product_id, before, after
), longest AS (
  SELECT * FROM pieces WHERE hi >= lo ORDER BY hi - lo DESC, lo, product_id LIMIT 100
), ends AS (
  SELECT product_id, trade_id, time FROM ticks WHERE trade_id IN (SELECT unnest([before, after]) FROM longest)
)
SELECT 'trade ids' AS kind, product_id, hi - lo + 1 AS ids, lo AS first_id, hi AS last_id,
       a.time AS from_time, b.time AS to_time, NULL AS reason
FROM longest JOIN ends a USING (product_id) JOIN ends b USING (product_id)
WHERE a.trade_id = before AND b.trade_id = after
UNION ALL
SELECT 'outage', product_id, if(lost < 0, 0, lost), if(lost < 1, NULL, last_trade_id + 1), if(lost < 1, NULL, first_trade_id - 1),
       from_time, to_time, reason
FROM (SELECT *, first_trade_id - last_trade_id - 1 AS lost FROM outages) -- below 1: the same trade, or its successor, came first
WHERE ($product IS NULL OR product_id = $product)
ORDER BY ids DESC, first_id, kind
LIMIT 100
