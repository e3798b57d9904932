/** The figures of an open page that move with time: price, open window, lanes, the next run. */
import { nowUs } from "../../scripts/base/clock.ts";
import { feedEnd } from "../../scripts/contract/feed-status.ts";
import type { Lane, StatusEvent } from "../../scripts/contract/page-events.ts";
import type { Problem } from "../../scripts/contract/problems.ts";
import { type Lacking, lacking, newestTimes } from "./age-measures.ts";
import { startOf } from "./kept-bars.ts";
import { type Moment, momentOf } from "./measure-moment.ts";
import { type NewestTrade, newestTrade } from "./newest-trade.ts";
import type { Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";
import type { Stage } from "./stage-states.ts";
import type { Status } from "./status.ts";
import { verdictOf } from "./verdict.ts";

/** The newest stored window that is not ahead of the product's high mark. */
const NEWEST_WINDOW = `SELECT window_start_us, window_end_us, trade_count, final, close_price, close_time_us, max_time_us AS mark_us
  FROM windows JOIN products USING (product_id)
  WHERE product_id = $product AND size_us = $size_us AND window_start_us <= max_time_us
  ORDER BY window_start_us DESC LIMIT 1`;
const TRADES_SINCE = `SELECT sum(trade_count) AS trades FROM windows
  WHERE product_id = $product AND size_us = $size_us AND window_start_us >= $from_us AND window_start_us < $to_us`;

/** What is in memory changes too fast for an older feed.json to state it. */
const FEED_NEW_US = 2_000_000;

interface NewestWindow {
  window_start_us: number;
  window_end_us: number;
  trade_count: number;
  final: number;
  close_price: string;
  close_time_us: number;
  mark_us: number;
}

/** Computed leniently: what can't be read is null, and the status's problems say why. */
export function pageStatus(sources: Sources, selection: Selection, status: Status): StatusEvent {
  return sources.leniently(() => {
    const moment = momentOf(sources, stored(selection), status.feed);
    const { now_us, ended_us, clock, feed } = moment;
    const isKnown = typeof clock !== "string" && ended_us === null && status.mode !== null;
    const exchange_us = isKnown ? clock(now_us) : null;
    const lacks = lacking(moment);
    const { stream_us, batch_us } = newestTimes(moment);
    const trade = newestTrade(sources, selection.product, {
      now_us: lacks.consume === null ? exchange_us : null,
      mark_us: lacks.stream === null ? stream_us : null,
    });
    const window = newestWindow(sources, selection);
    const shown = newer(trade, window);
    const consume_us = trade?.time_us ?? null;
    // What is read is in the log, also if feed.json is older.
    const inLog_us = newestOf(feed?.newest_us, stream_us, consume_us);
    return {
      of: `${selection.product}/${selection.size.name}`,
      at_ms: ms(now_us)!,
      mode: status.mode,
      speed: feed?.replay?.speed ?? null,
      exchange_ms: ms(exchange_us),
      ended_ms: ms(feedEnd(feed)),
      price: shown?.price ?? null,
      traded_ms: ms(shown?.time_us ?? null),
      trades_per_s: rounded(ended_us === null ? (trade?.per_second ?? null) : null),
      open: window && openWindow(sources, selection, window),
      stream_newest_ms: ms(stream_us),
      batch_newest_ms: ms(batch_us),
      lanes: lanes(moment, status, { log: inLog_us, stream: stream_us, consume: consume_us, batch: batch_us }, lacks),
      next_run_ms: ms(nextRun(moment)),
      ...verdict(sources, selection, status),
    };
  });
}

function newestOf(...times_us: (number | null | undefined)[]): number | null {
  const known = times_us.flatMap((us) => us ?? []);
  return known.length === 0 ? null : Math.max(...known);
}

/** With the size whose windows are summed. */
function stored({ product, size }: Selection): Selection {
  return { product, size: { ...size, us: size.from_us ?? size.us } };
}

/** To hundredths. */
function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 100) / 100;
}

/** Whole milliseconds. */
function ms(us: number | null): number | null {
  return us === null ? null : Math.round(us / 1_000);
}

function newestWindow({ windows }: Sources, { product, size }: Selection): NewestWindow | null {
  return windows.get<NewestWindow>(NEWEST_WINDOW, { product, size_us: size.from_us ?? size.us });
}

/** The stream's last price while consume is behind it. */
function newer(trade: NewestTrade | null, window: NewestWindow | null): { price: string; time_us: number } | null {
  if (window === null || window.close_time_us > window.mark_us) return trade;
  if (trade !== null && trade.time_us >= window.close_time_us) return trade;
  return { price: window.close_price, time_us: window.close_time_us };
}

/** Null if the newest window is closed. A summed window is open until all that are in it are closed. */
function openWindow(sources: Sources, { product, size }: Selection, newest: NewestWindow): StatusEvent["open"] {
  const lateness_us = Number(sources.windows.setting("lateness_us") ?? 0);
  const { window_start_us, window_end_us, trade_count, final } = newest;
  if (size.from_us === undefined) {
    if (final !== 0) return null;
    return { start_s: window_start_us / 1e6, trades: trade_count, closes_ms: ms(window_end_us + lateness_us)! };
  }
  const from_us = startOf(size.us, window_start_us);
  const to_us = from_us + size.us;
  if (final !== 0 && window_end_us === to_us) return null;
  const of = { product, size_us: size.from_us, from_us, to_us };
  const trades = sources.windows.get<{ trades: number }>(TRADES_SINCE, of)?.trades ?? 0;
  return { start_s: from_us / 1e6, trades, closes_ms: ms(to_us + lateness_us)! };
}

/**
 * When the schedule's next batch is due, or runs in any case while nothing is new; null without one,
 * and once it is due.
 */
function nextRun(moment: Moment): number | null {
  const schedule = moment.sources.schedule();
  const isAtRest = schedule?.rest_until_us !== undefined && (batchBehind(moment) ?? 0) === 0;
  const due_us = (isAtRest ? schedule.rest_until_us : schedule?.due_us) ?? null;
  return due_us === null || due_us < moment.now_us ? null : due_us;
}

function verdict(sources: Sources, selection: Selection, status: Status): Pick<StatusEvent, "verdict" | "is_alarm"> {
  const { title, is_alarm } = verdictOf(sources, selection, status);
  return { verdict: title, is_alarm };
}

/** The readers and the feed; `read_us`: event time up to which each has read. */
function lanes(moment: Moment, status: Status, read_us: Record<Lane["name"], number | null>, lacks: Lacking): Lane[] {
  const of = (name: Stage["name"]) => status.stages.find((stage) => stage.name === name)!;
  const lag = (waiting_us: number | null | undefined) => {
    if (waiting_us === undefined) return null;
    return waiting_us === null ? 0 : Math.max(0, ms(nowUs() - waiting_us)!);
  };
  const reader = (name: "stream" | "consume"): Lane => ({
    name,
    state: of(name).state,
    read_ms: ms(read_us[name]),
    behind: of(name).lag,
    lag_ms: lag(lacks[name]),
    reason: reasonOf(of(name), of(name).lag, status),
  });
  const behind = batchBehind(moment);
  const batch = of("batch");
  const isLate = batch.state === "rest" && stopping(status, "batch") !== undefined;
  return [
    logLane(of("produce"), status, read_us.log),
    reader("stream"),
    reader("consume"),
    {
      name: "batch",
      state: isLate
        ? "silent"
        : moment.runs.length === 0 && batch.records === 0 && batch.state === "rest"
          ? "absent"
          : batch.state,
      read_ms: ms(read_us.batch),
      behind,
      lag_ms: lag(lacks.batch),
      reason: reasonOf(batch, behind, status),
    },
  ];
}

/** What the log lacks is what `produce` holds in memory. */
function logLane(produce: Stage, status: Status, read_us: number | null): Lane {
  const { log, feed } = status;
  // feed.json is written every few seconds when it is large.
  const isNew = feed !== null && (feed.state === "ended" || nowUs() - feed.as_of_us < FEED_NEW_US);
  const behind = isNew ? feed.buffered : null;
  return {
    name: "log",
    state: log.error === null ? produce.state : "silent",
    read_ms: ms(read_us),
    behind,
    lag_ms: behind === 0 ? 0 : null,
    reason: log.error === null ? reasonOf(produce, null, status) : firstWords(log.error),
  };
}

/** Records in the log that the newest run has not answered with; null if the log is not known. */
function batchBehind({ sources, runs }: Moment): number | null {
  const positions = runs.at(-1)?.snapshot.positions;
  const { spans } = sources.log.last;
  if (positions === undefined || spans === null) return null;
  return spans.reduce(
    (sum, { partition, start, end }) => sum + Math.max(0, end - Math.max(start, positions[partition] ?? 0)),
    0,
  );
}

function reasonOf({ name, state, detail }: Stage, behind: number | null, status: Status): string {
  const problem = stopping(status, name);
  if (problem !== undefined && state !== "silent") return firstWords(problem.sentence);
  if (name === "batch" && state === "rest" && behind === 0) return "nothing is new since its last run";
  if (state === "running" && behind === 0) return "has read everything";
  return detail;
}

function stopping({ problems }: Status, stage: Stage["name"]): Problem | undefined {
  return problems.find((one) => one.stops && one.stage === stage);
}

/** A sentence up to its first colon or full stop: the list of problems has the rest. */
function firstWords(sentence: string): string {
  return sentence.split(/[:.;] /)[0]!.replace(/\.$/, "");
}
