-- Repeated trades with another content than the stored one, which counts. Those of a pruned row are
-- compared with the archive here.
SELECT utc(c.time_us) AS time, c.product_id, c.trade_id, c.time_us, c.price, c.last_size, c.side, c.best_bid, c.best_ask, c.source,
       c.appended_us, c.log_partition, c.log_offset, t.time_us AS stored_time_us, t.price AS stored_price,
       t.last_size AS stored_last_size, t.side AS stored_side
FROM archive_conflicts c JOIN archive_ticks t ON t.product_id = c.product_id AND t.trade_id = c.trade_id
WHERE c.time_us <> t.time_us OR c.price <> t.price OR c.last_size <> t.last_size OR c.side <> t.side
