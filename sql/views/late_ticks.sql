-- Ticks that came after their own window had closed; lateness_us = largest event time seen − time of the tick.
SELECT utc(time_us) AS time, utc(window_start_us) AS window_start, * FROM archive_late_ticks
