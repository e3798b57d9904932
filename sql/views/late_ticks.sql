-- Ticks that came after their own window had closed; lateness_us = event-time high mark − the
-- tick's time.
SELECT utc(time_us) AS time, utc(window_start_us) AS window_start, * FROM archive_late_ticks
