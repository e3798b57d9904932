-- Messages that were no ticks, with the reason.
SELECT utc(appended_us) AS appended, * FROM archive_dead_letters
