-- Windows with a trade that `backfill` loaded. The stream skips those: it has no such window, or only
-- its newest part. Known by minutes, so that no tick is read; shorter windows have their minute's
-- answer.
SELECT DISTINCT product_id, size_us,
       unnest(range(window_start_of(minute_us - size_us, every_us) + every_us, minute_us + 60000000, every_us)) AS window_start_us
FROM archive_history_minutes CROSS JOIN hops
WHERE back_us = 0
