-- Trade ids that were never issued: REST had both neighbours of each run on one page. No tick has one.
SELECT product_id, first_trade_id, last_trade_id, last_trade_id - first_trade_id + 1 AS ids FROM archive_unissued
