-- title: Reconciliation
-- description: Each closed window of the stream against the same window computed from the store, column by column, exactly. Explained: the difference is precisely the late ticks. Pending: consume has not read that far yet. Unread, and not compared: some of its ticks had left the log before a stage was rebuilt. (missing is not compared: it counts what had not arrived yet.)
-- chart: table
-- group: Do both pipelines agree?
-- order: 300
-- portable: no (views/stream_rows.sql uses EXCLUDE)
WITH compared AS (
  SELECT product_id, size_us, window_start_us, coalesce(late_count, 0) AS late_count, account,
    concat_ws(', ', CASE WHEN wrong <> '' THEN wrong END,
      CASE WHEN b.trade_count IS DISTINCT FROM s.trade_count THEN 'trade_count' END,
      CASE WHEN b.buy_count IS DISTINCT FROM s.buy_count THEN 'buy_count' END,
      CASE WHEN b.sell_count IS DISTINCT FROM s.sell_count THEN 'sell_count' END,
      CASE WHEN b.price_sum IS DISTINCT FROM s.price_sum THEN 'price_sum' END,
      CASE WHEN b.total_volume IS DISTINCT FROM s.total_volume THEN 'total_volume' END,
      CASE WHEN b.notional IS DISTINCT FROM s.notional THEN 'notional' END,
      CASE WHEN b.max_price IS DISTINCT FROM s.max_price THEN 'max_price' END,
      CASE WHEN b.min_price IS DISTINCT FROM s.min_price THEN 'min_price' END,
      CASE WHEN b.open_price IS DISTINCT FROM s.open_price THEN 'open_price' END,
      CASE WHEN b.close_price IS DISTINCT FROM s.close_price THEN 'close_price' END,
      CASE WHEN b.first_trade_id IS DISTINCT FROM s.first_trade_id THEN 'first_trade_id' END,
      CASE WHEN b.last_trade_id IS DISTINCT FROM s.last_trade_id THEN 'last_trade_id' END) AS differs
  FROM store_windows b FULL JOIN stream_windows s USING (product_id, size_us, window_start_us)
), judged AS (
  SELECT product_id, size_us, window_start_us, max(c.late_count) AS late_count,
    max(CASE WHEN differs <> '' THEN concat(coalesce(account, 'no window'), ': ', differs) END) AS differs,
    coalesce(max(final), 1) AS final,
    max(CASE WHEN final = 2 AND closed_offset IS NULL THEN (SELECT max(CASE WHEN stream_after > reached THEN 1 ELSE 0 END) FROM positions)
             WHEN closed_offset >= coalesce(reached, 0) THEN 1 ELSE 0 END) AS waits
  FROM compared c LEFT JOIN windows w USING (product_id, size_us, window_start_us)
  LEFT JOIN positions p ON p.log_partition = w.closed_partition
  GROUP BY product_id, size_us, window_start_us
), outcomes AS (
  SELECT judged.*, CASE WHEN u.product_id IS NOT NULL THEN 'unread' WHEN waits = 1 THEN 'pending' WHEN differs IS NOT NULL THEN 'unexplained'
                 WHEN late_count > 0 THEN 'explained' ELSE 'equal' END AS outcome
  FROM judged LEFT JOIN unread_windows u USING (product_id, size_us, window_start_us)
  WHERE final <> 0
)
SELECT utc(window_start_us) AS window_start, product_id, size_us, outcome, late_count,
  CASE WHEN outcome = 'unexplained' THEN differs END AS differs,
  count(*) OVER (PARTITION BY outcome) AS windows_alike, count(*) OVER () AS windows_in_all
FROM outcomes
ORDER BY CASE outcome WHEN 'unexplained' THEN 0 WHEN 'pending' THEN 1 WHEN 'unread' THEN 2 WHEN 'explained' THEN 3 ELSE 4 END, window_start DESC, product_id, size_us
