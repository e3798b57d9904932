-- Of the newest spans without a feed those of one product that reach into a span, newest first.
SELECT from_us, to_us, reason
FROM (SELECT outage_id, product_id, from_us, to_us, reason FROM outages ORDER BY outage_id DESC LIMIT $read)
WHERE product_id = $product AND to_us >= $from_us AND from_us < $to_us
ORDER BY outage_id DESC
LIMIT $limit
