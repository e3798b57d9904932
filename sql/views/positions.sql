-- The positions up to which both jobs had read each partition when this batch collected; both have
-- read all before `reached`. From `readable_from` both could read: a stage that was rebuilt from a
-- log that had been cut begins there. `stream_after` was read after the windows: no window row has a
-- tick from there on.
SELECT log_partition, coalesce(s.next_offset, 0) AS stream_next, coalesce(c.next_offset, 0) AS consume_next,
       coalesce(a.next_offset, 0) AS stream_after, least(coalesce(s.next_offset, 0), coalesce(c.next_offset, 0)) AS reached,
       greatest(coalesce(s.first_offset, 0), coalesce(c.first_offset, 0)) AS readable_from
FROM archive_stream_positions s
FULL JOIN archive_consume_positions c USING (log_partition)
FULL JOIN archive_stream_positions_after a USING (log_partition)
