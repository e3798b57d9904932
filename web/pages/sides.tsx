/** Stream and batch side by side: the same questions, two pipelines. */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { View } from "../model/view.ts";
import { counted, duration, exact } from "./format.ts";

type Sides = Pick<View, "stream" | "batch">;

export function StreamCard({ view }: { view: Sides }) {
  const { windows, latency, trade_count, closed, files } = view.stream;
  const newest = windows[0];
  return (
    <article id="stream-card" class="card stream">
      <h2>
        Stream <small>in memory, window by window</small>
      </h2>
      <p class="big">
        {latency === null ? "–" : duration(latency.p50_ms)}
        <span>
          from {latency?.from ?? "receipt"} to answer (median
          {latency?.p99_ms == null ? "" : `; p99 ${duration(latency.p99_ms)}`}
          {latency === null ? "" : `; ${latency.span}`})
        </span>
      </p>
      <dl class="rows">
        <Row name="newest window">
          {newest ? `${newest.window_start.slice(11, 16)} UTC${newest.final === 0 ? ", open" : ""}` : "–"}
        </Row>
        <Row name="its average price">{exact(newest?.avg_price)}</Row>
        <Row name="its trades">{exact(newest?.trade_count)}</Row>
        <Row name="its volume">{exact(newest?.total_volume)}</Row>
        <Row name="its sentiment">{newest?.market_sentiment ?? "–"}</Row>
        <Row name="trades counted in all">{exact(trade_count)}</Row>
      </dl>
      <p class="foot">
        {counted(closed, "window")} closed, {counted(files, "file")} in stream_csv/
      </p>
    </article>
  );
}

export function BatchCard({ view }: { view: Sides }) {
  const { summary, last_done: run, files, missed } = view.batch;
  const text = (name: string) => exact(summary?.[name]);
  return (
    <article id="batch-card" class="card batch">
      <h2>
        Batch <small>from everything ever stored</small>
      </h2>
      <p class="big">
        {run?.seconds == null ? "–" : duration(run.seconds * 1_000)}
        <span>
          whole run, start to results
          {run ? ` (collect ${duration(run.collect_ms ?? 0)}, answer ${duration(run.answer_ms ?? 0)})` : ""}
        </span>
      </p>
      <dl class="rows">
        <Row name="newest tick in it">{summary ? `${String(summary.newest_time).slice(11, 19)} UTC` : "–"}</Row>
        <Row name="average price">{text("avg_price")}</Row>
        <Row name="trades">{text("trade_count")}</Row>
        <Row name="volume">{text("total_volume")}</Row>
        <Row name="lowest to highest">{summary ? `${text("min_price")} – ${text("max_price")}` : "–"}</Row>
        <Row name="buys to sells">{summary ? `${text("buy_count")} : ${text("sell_count")}` : "–"}</Row>
      </dl>
      <p class="foot">
        {run ? `run ${exact(run.run_id)}: ${exact(run.ticks_new)} new of ${exact(run.ticks_total)} ticks, ` : ""}
        {counted(files, "file")} in batch_output/{missed > 0 ? `, ${counted(missed, "due time")} missed` : ""}
      </p>
    </article>
  );
}

function Row({ name, children }: { name: string; children?: Child }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
