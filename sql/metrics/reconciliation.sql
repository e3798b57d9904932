-- title: Reconciliation
-- description: Each closed window of the stream against the same one computed from the store, column by column, exactly (but missing: what had not arrived yet). Explained: they differ by precisely the late ticks. Pending: consume has not read that far. Not compared: unread (ticks had left the log before a stage was rebuilt), history (before the stream's first whole window). First the newest of each outcome, product and size: windows_of_kind counts all of them. sides: the values of the newest 1,000 that differ.
-- chart: table
-- group: Do both pipelines agree?
-- order: 300
-- portable: no (views/stream_rows.sql uses EXCLUDE)
WITH compared AS (
  SELECT product_id, size_us, window_start_us, coalesce(late_count, 0) AS late_count, account,
    CASE WHEN b.trade_count IS NOT NULL THEN {'trade_count': b.trade_count, 'buy_count': b.buy_count, 'sell_count': b.sell_count,
      'price_sum': b.price_sum, 'total_volume': b.total_volume, 'notional': b.notional, 'max_price': b.max_price,
      'min_price': b.min_price, 'open_price': b.open_price, 'close_price': b.close_price,
      'first_trade_id': b.first_trade_id, 'last_trade_id': b.last_trade_id} END AS batch,
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
    coalesce(max(final), 1) AS final, max(CASE WHEN account IS NOT NULL THEN 1 ELSE 0 END) AS streamed, any_value(batch) AS batch,
    any_value(CASE WHEN w.trade_count IS NOT NULL THEN {'trade_count': w.trade_count, 'buy_count': w.buy_count, 'sell_count': w.sell_count,
      'price_sum': w.price_sum, 'total_volume': w.total_volume, 'notional': w.notional, 'max_price': w.max_price,
      'min_price': w.min_price, 'open_price': w.open_price, 'close_price': w.close_price,
      'first_trade_id': w.first_trade_id, 'last_trade_id': w.last_trade_id, 'avg_price': w.avg_price, 'vwap': w.vwap,
      'price_range': w.price_range, 'buy_sell_ratio': w.buy_sell_ratio, 'market_sentiment': w.market_sentiment,
      'volatility_flag': w.volatility_flag, 'volume_spike': w.volume_spike} END) AS stream,
    max(CASE WHEN final = 2 AND closed_offset IS NULL THEN (SELECT max(CASE WHEN stream_after > reached THEN 1 ELSE 0 END) FROM positions)
             WHEN closed_offset >= coalesce(reached, 0) THEN 1 ELSE 0 END) AS waits
  FROM compared c LEFT JOIN windows w USING (product_id, size_us, window_start_us)
  LEFT JOIN positions p ON p.log_partition = w.closed_partition
  GROUP BY product_id, size_us, window_start_us
), skipped AS MATERIALIZED (
  SELECT * FROM skipped_windows
), outcomes AS ( -- `windows`: how many a row stands for; of history only the stream's and the newest have rows
  SELECT judged.*, 1 AS windows, CASE WHEN u.product_id IS NOT NULL THEN 'unread' WHEN waits = 1 THEN 'pending' WHEN differs IS NOT NULL THEN 'unexplained'
                 WHEN late_count > 0 THEN 'explained' ELSE 'equal' END AS outcome
  FROM judged LEFT JOIN unread_windows u USING (product_id, size_us, window_start_us)
  ANTI JOIN skipped USING (product_id, size_us, window_start_us)
  WHERE final <> 0
  UNION ALL BY NAME
  SELECT product_id, size_us, window_start_us, late_count, 1 AS windows, 'history' AS outcome
  FROM judged SEMI JOIN skipped USING (product_id, size_us, window_start_us)
  WHERE final <> 0 AND streamed = 1
  UNION ALL BY NAME
  SELECT product_id, size_us, max(window_start_us) AS window_start_us, 0 AS late_count, count(*) AS windows, 'history' AS outcome
  FROM skipped ANTI JOIN (FROM judged WHERE final <> 0 AND streamed = 1) USING (product_id, size_us, window_start_us)
  GROUP BY product_id, size_us
), late AS (
  SELECT product_id, size_us, window_start_us, {'trade_count': count(*), 'buy_count': count(*) FILTER (side = 'buy'),
      'sell_count': count(*) FILTER (side = 'sell'), 'price_sum': sum(price), 'total_volume': sum(last_size),
      'notional': try_sum(price * last_size)} AS late
  FROM archive_late_ticks JOIN positions USING (log_partition) WHERE log_offset < reached
  GROUP BY product_id, size_us, window_start_us
), counted AS (
  SELECT *, CAST(sum(windows) OVER alike AS BIGINT) AS windows_of_kind, sum(late_count) OVER alike AS late_of_kind,
    row_number() OVER (PARTITION BY outcome, product_id, size_us ORDER BY window_start_us DESC) AS nth,
    outcome IN ('explained', 'unexplained') AS has_sides,
    CAST(sum(windows) OVER (PARTITION BY outcome) AS BIGINT) AS windows_alike, CAST(sum(windows) OVER () AS BIGINT) AS windows_in_all
  FROM outcomes LEFT JOIN late USING (product_id, size_us, window_start_us)
  WINDOW alike AS (PARTITION BY outcome, product_id, size_us)
)
SELECT utc(window_start_us) AS window_start, product_id, size_us, outcome, late_count,
  CASE WHEN outcome = 'unexplained' THEN differs END AS differs,
  windows_of_kind, CAST(late_of_kind AS BIGINT) AS late_of_kind,
  windows_alike, windows_in_all,
  CASE WHEN has_sides AND row_number() OVER (PARTITION BY has_sides ORDER BY nth, outcome DESC) <= 1000
       THEN {'stream': stream, 'late': late, 'batch': batch} END AS sides
FROM counted
ORDER BY CASE WHEN nth = 1 THEN 0 ELSE 1 END,
  CASE outcome WHEN 'unexplained' THEN 0 WHEN 'pending' THEN 1 WHEN 'unread' THEN 2 WHEN 'history' THEN 3 WHEN 'explained' THEN 4 ELSE 5 END, window_start DESC, product_id, size_us
