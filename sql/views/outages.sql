-- Spans without a feed, and trade ids that could not be filled.
SELECT utc(from_us) AS from_time, utc(to_us) AS to_time, * FROM archive_outages
