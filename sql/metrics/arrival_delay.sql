-- title: Arrival delay
-- description: When the log took a tick − the exchange's time of it, as a distribution. In a replay this is the recording's age, unless its clock is shifted.
-- chart: bar x=delay y=ticks series=product_id
-- group: Is anything missing?
-- order: 420
WITH steps AS (
  SELECT product_id,
         CASE WHEN appended_us - time_us < 0 THEN '1: before its own time'
              WHEN appended_us - time_us < 10000 THEN '2: under 10 ms'
              WHEN appended_us - time_us < 50000 THEN '3: 10 to 50 ms'
              WHEN appended_us - time_us < 100000 THEN '4: 50 to 100 ms'
              WHEN appended_us - time_us < 500000 THEN '5: 100 to 500 ms'
              WHEN appended_us - time_us < 1000000 THEN '6: 0.5 to 1 s'
              WHEN appended_us - time_us < 10000000 THEN '7: 1 to 10 s'
              WHEN appended_us - time_us < 60000000 THEN '8: 10 to 60 s'
              ELSE '9: over a minute' END AS delay
  FROM ticks
  WHERE source <> 'backfill' AND ($product IS NULL OR product_id = $product)
    AND ($from IS NULL OR time >= CAST($from AS TIMESTAMP)) AND ($to IS NULL OR time < CAST($to AS TIMESTAMP))
)
SELECT delay, product_id, count(*) AS ticks
FROM steps
GROUP BY delay, product_id
ORDER BY delay, product_id
