-- Sums per product and minute, made when its ticks were archived: a query over all history costs
-- what the minutes cost, not the ticks.
SELECT utc(minute_us) AS minute, product_id, minute_us,
       CAST(sum(trade_count) AS BIGINT) AS trade_count, CAST(sum(buy_count) AS BIGINT) AS buy_count,
       CAST(sum(sell_count) AS BIGINT) AS sell_count,
       sum(price_sum) AS price_sum, sum(total_volume) AS total_volume, sum(buy_volume) AS buy_volume, try_sum(notional) AS notional,
       max(max_notional) AS max_notional, max(max_price) AS max_price, min(min_price) AS min_price,
       min_by(open_price, (open_time_us, open_trade_id)) AS open_price, min(open_time_us) AS open_time_us,
       min_by(open_trade_id, (open_time_us, open_trade_id)) AS open_trade_id,
       max_by(close_price, (close_time_us, close_trade_id)) AS close_price, max(close_time_us) AS close_time_us,
       max_by(close_trade_id, (close_time_us, close_trade_id)) AS close_trade_id,
       min(first_trade_id) AS first_trade_id, max(last_trade_id) AS last_trade_id,
       CAST(sum(quotes) AS BIGINT) AS quotes, sum(spread_sum) AS spread_sum, min(min_spread) AS min_spread, max(max_spread) AS max_spread
FROM archive_minutes
GROUP BY product_id, minute_us
