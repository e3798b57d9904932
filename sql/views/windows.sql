-- What the stream job said, as of the last batch: final = 0 still open, 1 closed by the watermark, 2 closed by --flush.
SELECT utc(window_start_us) AS window_start, utc(window_end_us) AS window_end, * FROM archive_windows
