-- title: Price of lateness
-- description: What each allowed lateness would have left out, exact and from one pass.
-- chart: table
-- group: Do both pipelines agree?
-- order: 320
-- portable: no (views/hops.sql reads the stream's settings, which are JSON)
WITH sizes AS (
  SELECT DISTINCT size_us FROM hops
), settings AS (
  SELECT CAST(value AS BIGINT) AS current_us FROM archive_stream_settings WHERE name = 'lateness_us'
), latenesses AS (
  SELECT unnest([0, 1, 2, 5, 10, 30, 60, 120, 300]) * 1000000 AS lateness_us UNION SELECT current_us FROM settings
), marks AS ( -- windows that begin after `since_us` have all their ticks out of order here
  SELECT product_id, mark_us, coalesce(since_us, -9007199254740992) AS since_us FROM archive_product_marks
  WHERE $product IS NULL OR product_id = $product
), placed AS ( -- `past_us`: high mark - end of the tick's window; the tick is late at every lateness up to it
  SELECT o.product_id, s.size_us, window_start_of(o.time_us, s.size_us) AS window_start_us, o.source,
         o.mark_us - window_start_of(o.time_us, s.size_us) - s.size_us AS past_us, o.last_size, o.price * o.last_size AS notional
  FROM archive_out_of_order o CROSS JOIN sizes s
), filled AS (
  SELECT product_id, size_us, window_start_us, count(*) AS ticks
  FROM placed WHERE source <> 'feed' GROUP BY product_id, size_us, window_start_us
), states AS (
  SELECT product_id, size_us, window_start_us, trade_count, total_volume, notional, 0 AS revision FROM archive_windows
  UNION ALL
  SELECT product_id, size_us, window_start_us, trade_count, total_volume, notional, revision FROM archive_window_revisions
), whole AS ( -- tumbling windows with all their ticks so far
  SELECT product_id, size_us, window_start_us, any_value(mark_us) AS mark_us, max_by(trade_count, revision) AS trade_count,
         max_by(total_volume, revision) AS total_volume, max_by(notional, revision) AS notional
  FROM states JOIN marks USING (product_id)
  WHERE window_start_us % size_us = 0 AND window_start_us > since_us
    AND ($from IS NULL OR utc(window_start_us) >= CAST($from AS TIMESTAMP))
    AND ($to IS NULL OR utc(window_start_us) < CAST($to AS TIMESTAMP))
  GROUP BY product_id, size_us, window_start_us
), counted AS (
  SELECT w.*, w.trade_count - coalesce(f.ticks, 0) AS ticks
  FROM whole w LEFT JOIN filled f USING (product_id, size_us, window_start_us)
), totals AS (
  SELECT product_id, size_us, any_value(mark_us) AS mark_us, sum(ticks) AS ticks, count_if(ticks > 0) AS windows
  FROM counted GROUP BY product_id, size_us
), still_open AS ( -- few: windows that end within the largest lateness of the high mark
  SELECT product_id, size_us, lateness_us, count(*) AS windows
  FROM counted JOIN latenesses ON window_start_us + size_us > mark_us - lateness_us
  WHERE ticks > 0 GROUP BY product_id, size_us, lateness_us
), missed AS ( -- per lateness and window
  SELECT product_id, size_us, lateness_us, window_start_us, count(*) AS late_ticks,
         sum(last_size) AS volume, try_sum(notional) AS notional
  FROM placed JOIN latenesses ON past_us >= lateness_us
  WHERE source = 'feed' GROUP BY product_id, size_us, lateness_us, window_start_us
), errors AS (
  SELECT product_id, size_us, lateness_us, sum(late_ticks) AS late_ticks, count(*) AS windows_revised,
         count_if(late_ticks = ticks) AS windows_unseen, max(volume) AS volume_error_max,
         max(abs(average_by_volume(w.notional - m.notional, w.total_volume - m.volume)
                 - average_by_volume(w.notional, w.total_volume))) AS vwap_error_max
  FROM missed m JOIN counted w USING (product_id, size_us, window_start_us)
  GROUP BY product_id, size_us, lateness_us
)
SELECT product_id, size_us, lateness_us, coalesce(late_ticks, 0) AS late_ticks, t.ticks,
       coalesce(windows_revised, 0) AS windows_revised, t.windows - coalesce(o.windows, 0) AS windows_closed,
       coalesce(windows_unseen, 0) AS windows_unseen, coalesce(volume_error_max, 0) AS volume_error_max,
       coalesce(vwap_error_max, 0) AS vwap_error_max, lateness_us = s.current_us AS is_current
FROM totals t CROSS JOIN latenesses l CROSS JOIN settings s
LEFT JOIN still_open o USING (product_id, size_us, lateness_us)
LEFT JOIN errors e USING (product_id, size_us, lateness_us)
ORDER BY product_id, size_us, lateness_us
