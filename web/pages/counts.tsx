/** What was not ordinary, and how far each reader is, folded: nobody needs it at first sight. */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { View } from "../model/view.ts";
import { clock, day, duration, exact } from "./format.ts";

export function Counts({ view }: { view: Pick<View, "status" | "selection" | "stream" | "batch"> }) {
  const { status, selection, stream, batch } = view;
  const { counts, log } = status;
  const mine = status.watermarks.find((w) => w.product_id === selection.product);
  const run = batch.last_done;
  return (
    <dl class="counts" id="counts">
      <Count name="trades counted" note="each id once, late ones included">
        {exact(stream.trade_count)}
      </Count>
      <Count name="history" note="trades from before the feed's first one, of all products: stored for the batch">
        {exact(counts.history)}
      </Count>
      <Count name="newest tick" note="event time, UTC">
        {mine?.newest_event_time ? `${day(mine.newest_event_time)} ${mine.newest_event_time.slice(11, 19)}` : "–"}
      </Count>
      <Count name="watermark" note="windows that end by then are closed: newest event time − allowed lateness">
        {mine?.watermark ? clock(mine.watermark) : "–"}
      </Count>
      <Count name="late" note="their window was closed: kept whole, each makes a revision">
        {exact(counts.late)}
      </Count>
      <Count name="revisions" note="of closed windows, by late ticks">
        {exact(counts.revisions)}
      </Count>
      <Count name="duplicates" note="trade ids that came again: counted once">
        {exact(counts.duplicates)}
      </Count>
      <Count name="conflicts" note="ids that came again with other content">
        {exact(counts.conflicts)}
      </Count>
      <Count name="dead letters" note="messages that are not a valid trade: kept whole with the reason">
        {exact(counts.dead_letters)}
      </Count>
      <Count name="too early" note="stamped further ahead than --max-skew: counted, but they don't move the watermark">
        {exact(counts.skewed)}
      </Count>
      <Count name="outages" note="spans without a feed, and ids that could not be filled">
        {exact(counts.outages)}
      </Count>
      <Count name="windows closed" note="of all products and sizes, the rows of stream_csv/">
        {exact(stream.closed)} in {exact(stream.files)} files
      </Count>
      <Count
        name="batch run"
        note={
          run ? `collect ${duration(run.collect_ms ?? 0)}, answer ${duration(run.answer_ms ?? 0)}` : "none has ended"
        }
      >
        {run ? `${exact(run.run_id)} in ${duration((run.seconds ?? 0) * 1_000)}` : "–"}
      </Count>
      <Count name="ticks in the run" note={`new ones of all; ${exact(batch.files)} files in batch_output/`}>
        {run ? `${exact(run.ticks_new)} of ${exact(run.ticks_total)}` : "–"}
      </Count>
      <Count name="runs missed" note="due times at which none began">
        {exact(batch.missed)}
      </Count>
      {log.partitions?.map(({ partition, start, end, stream_next, consume_next }) => (
        <Count
          name={log.partitions?.length === 1 ? "log" : `log, partition ${partition}`}
          note={`stream has read up to ${exact(stream_next)}, consume up to ${exact(consume_next)}`}
        >
          offsets {exact(start)} to {exact(end)}
        </Count>
      ))}
    </dl>
  );
}

function Count({ name, note, children }: { name: string; note: string; children?: Child }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <b>{children}</b> <small>{note}</small>
      </dd>
    </div>
  );
}
