-- Messages that were not valid ticks, with the reason.
SELECT utc(appended_us) AS appended, * FROM archive_dead_letters
