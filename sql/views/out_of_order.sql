-- Ticks whose second had ended at their product's event-time high mark, and ticks filled from REST.
SELECT utc(time_us) AS time, utc(mark_us) AS mark, * FROM archive_out_of_order
