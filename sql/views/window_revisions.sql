-- A closed window with all its late ticks so far, one row per late tick.
SELECT utc(window_start_us) AS window_start, utc(window_end_us) AS window_end, * FROM archive_window_revisions
