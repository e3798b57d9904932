-- How the stream's windows lie: for each size, how far before the begin of a tick's newest window each window that holds it begins.
-- One row a size where windows tumble (back_us = 0), size ÷ every where they hop.
WITH specs AS (
  SELECT unnest(from_json(value, '[{"size_us": "BIGINT", "every_us": "BIGINT"}]'), recursive := true)
  FROM archive_stream_settings WHERE name = 'windows'
)
SELECT size_us, every_us, unnest(range(0, size_us, every_us)) AS back_us,
       size_us % 60000000 = 0 AND every_us % 60000000 = 0 AS whole_minutes
FROM specs
