-- For each window size, the distances (back_us) from the start of a tick's newest window back to the
-- start of each window with the tick: 0 where windows tumble, size ÷ every rows where they hop.
WITH specs AS (
  SELECT unnest(from_json(value, '[{"size_us": "BIGINT", "every_us": "BIGINT"}]'), recursive := true)
  FROM archive_stream_settings WHERE name = 'windows'
)
SELECT size_us, every_us, unnest(range(0, size_us, every_us)) AS back_us,
       size_us % 60000000 = 0 AND every_us % 60000000 = 0 AS whole_minutes
FROM specs
