-- The newest spans without a feed.
SELECT product_id, from_us, to_us, last_trade_id, first_trade_id, reason
FROM outages
WHERE $product IS NULL OR product_id = $product
ORDER BY outage_id DESC
LIMIT $limit
