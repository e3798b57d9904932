/** Do both pipelines agree to the last digit? The page's main sentence, for one product and size. */
import { isoFromUs, isoSecondFromUs, usFromIso } from "../../scripts/base/iso.ts";
import { holdsHistory } from "./history-minutes.ts";
import { newestTrade } from "./newest-trade.ts";
import { type Agreed, agreementOf, judgedWindows, newestJudged, notCounted, storedSize } from "./reconciliation.ts";
import type { Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";
import type { Stage } from "./stage-states.ts";
import type { Status } from "./status.ts";

export interface Verdict {
  /**
   * `nothing`: no window yet. `first`: none has closed. `waiting`: closed ones wait for a run, or for
   * consume. `unread`: closed ones never will be compared. `not_compared`: the newest run has compared
   * nothing. The others: what was found.
   */
  state: "nothing" | "first" | "waiting" | "unread" | "equal" | "explained" | "unexplained" | "not_compared";
  /** What the sentence covers: `BTC-USD 1m`. */
  of: string;
  headline: string;
  /** What else there is to know; never a count of 0. */
  details: string[];
  /** For a tab's title, for example `55 of 58 equal`. */
  title: string;
  /** Whether a difference has no explanation, or nothing could be compared. */
  is_alarm: boolean;
  /** While a stage is down: the time up to which the comparison reaches, `16:02`; else null. */
  as_of: string | null;
  /** While a stage is down: which, in words. */
  stale: string | null;
  /** The counts of the sentence; null before the first comparison. */
  counts: Agreed | null;
  /** Of `first`: the window's start and the event time at which it closes, ms since 1970. */
  first: { start_ms: number; closes_ms: number } | null;
}

type Found = Omit<Verdict, "of" | "as_of" | "stale" | "counts" | "first"> & Partial<Pick<Verdict, "first">>;

/** Begins where the closed ones end, so that it does not walk them. */
const OLDEST_OPEN = `SELECT window_start_us AS start_us, window_end_us AS end_us FROM windows
  WHERE product_id = $product AND size_us = $size_us AND final = 0
    AND window_start_us > coalesce((SELECT closed_until_us - size_us FROM closed_ends
      WHERE product_id = $product AND size_us = $size_us), -9223372036854775808)
  ORDER BY window_start_us LIMIT 1`;
const CLOSED = `SELECT count(*) AS n FROM (SELECT 1 FROM windows WHERE product_id = $product AND size_us = $size_us
  AND final <> 0 LIMIT $limit)`;
/** Windows close in the order of their starts. */
const CLOSED_SINCE = `SELECT count(*) AS n FROM (SELECT 1 FROM windows WHERE product_id = $product
  AND size_us = $size_us AND window_start_us > $after_us AND final <> 0 LIMIT $limit)`;
/** Closed windows that are counted while none of them is compared. */
const COUNTED_MAX = 1_000;

/** Counts and words are of the newest reconciliation; `status` decides whether they may be out of date. */
export function verdictOf(
  sources: Sources,
  selection: Selection,
  status: Pick<Status, "stages" | "problems">,
): Verdict {
  const counts = agreementOf(sources, selection);
  const size = storedSize(selection.size);
  const failed = notCounted(sources);
  const found =
    failed !== null
      ? notComparedText(failed, counts)
      : counts === null || counts.compared === 0
        ? before(sources, { ...selection, size }, counts, status)
        : compared(counts, waitingNow(sources, { ...selection, size }, counts, status));
  const stale = downText(status);
  const summed =
    size === selection.size ? [] : [`${selection.size.name} is summed from ${size.name}, which is compared`];
  return {
    first: null,
    ...found,
    details: [...(stale === null ? [] : [stale]), ...found.details, ...summed],
    of: `${selection.product} ${size.name}`,
    as_of: stale === null || counts === null ? null : reachOf(sources, counts.run_id, selection.product),
    stale,
    counts,
  };
}

/** `55 of 58 equal to the last digit; 3 differ by exactly their 5 late ticks; 0 unexplained`. */
function compared(counts: Agreed, waiting: Waiting): Found {
  const { compared, equal, explained, late_ticks, unexplained } = counts;
  const parts = [`${n(equal)} of ${n(compared)} equal to the last digit`];
  if (explained > 0) parts.push(explainedText(explained, late_ticks));
  parts.push(`${n(unexplained)} unexplained`);
  const words = unexplained > 0 ? [parts.at(-1)!, ...parts.slice(0, -1)] : parts;
  return {
    state: unexplained > 0 ? "unexplained" : explained > 0 ? "explained" : "equal",
    headline: words.join("; "),
    title: unexplained > 0 ? `${n(unexplained)} unexplained` : `${n(equal)} of ${n(compared)} equal`,
    details: notCountedYet(counts, waiting),
    is_alarm: unexplained > 0,
  };
}

function explainedText(windows: number, late: number): string {
  const [verb, their] = windows === 1 ? ["differs", "its"] : ["differ", "their"];
  return `${n(windows)} ${verb} by exactly ${their} ${late === 1 ? "late tick" : `${n(late)} late ticks`}`;
}

/** Closed windows that no run has compared, as of now, and whether consume keeps them waiting. */
interface Waiting {
  closed: number;
  forConsume: boolean;
}

function waitingNow(
  sources: Sources,
  selection: Selection,
  counts: Agreed,
  { stages }: Pick<Status, "stages">,
): Waiting {
  const { product, size } = selection;
  const after_us = usFromIso(newestJudged(sources, selection)) ?? Number.MIN_SAFE_INTEGER;
  const key = { product, size_us: size.us, after_us, limit: COUNTED_MAX };
  const name = `closed since ${size.us} ${after_us} ${product}`;
  const since = sources.once(name, () => sources.windows.get<{ n: number }>(CLOSED_SINCE, key)?.n ?? 0);
  const closed = counts.pending + since;
  return { closed, forConsume: closed > 0 && isConsumeBehind(sources, { product, size }, stages) };
}

/** Whether consume lacks records, and what it has read does not reach the stream's closed windows. */
function isConsumeBehind(sources: Sources, { product, size }: Selection, stages: readonly Stage[]): boolean {
  if (stages.find(({ name }) => name === "consume")?.lag === 0) return false;
  const read_us = newestTrade(sources, product, { now_us: null, mark_us: null })?.time_us;
  return (read_us ?? Number.MIN_SAFE_INTEGER) < sources.bars.closedUntil(product, size.us);
}

/** Windows that are in no count of the sentence. */
function notCountedYet(
  { unread, history, run_id }: Pick<Agreed, "unread" | "history" | "run_id">,
  { closed, forConsume }: Waiting,
): string[] {
  return [
    closed > 0 && forConsume
      ? `${windows(closed)} closed and not compared yet: consume has not read all ${closed === 1 ? "its" : "their"} ticks`
      : "",
    closed > 0 && !forConsume
      ? `${windows(closed)} ${closed === 1 ? "has" : "have"} closed since run ${n(run_id)}; the next run compares ${closed === 1 ? "it" : "them"}`
      : "",
    unread > 0 ? `${windows(unread)} not compared: ticks had left the log before a stage was rebuilt` : "",
    history > 0 ? `${windows(history)} of history, before the stream's first whole window` : "",
  ].filter((text) => text !== "");
}

function notComparedText(error: string, counts: Agreed | null): Found {
  const last =
    counts === null
      ? []
      : [
          `The last comparison, of run ${n(counts.run_id)}: ${windows(counts.compared)} compared, ${n(counts.unexplained)} different without an explanation.`,
        ];
  return {
    state: "not_compared",
    headline: "The newest run did not compare stream and batch",
    details: [error, ...last],
    title: "not compared",
    is_alarm: true,
  };
}

/** Before the first comparison: what is awaited. */
function before(
  sources: Sources,
  { product, size }: Selection,
  counts: Agreed | null,
  { stages }: Pick<Status, "stages">,
): Found {
  const key = { product, size_us: size.us };
  const closed = sources.windows.get<{ n: number }>(CLOSED, { ...key, limit: COUNTED_MAX })?.n ?? 0;
  if (closed > 0)
    return waiting(
      closed,
      { counts, history: historyListed(sources, { product, size }) },
      counts !== null && isConsumeBehind(sources, { product, size }, stages),
    );
  const open = sources.windows.get<{ start_us: number; end_us: number }>(OLDEST_OPEN, key);
  const quiet = { details: [], is_alarm: false };
  if (open === null)
    return { ...quiet, state: "nothing", headline: "No window yet: the first tick opens one", title: "no window yet" };
  const holds = holdsHistory(sources, { product, ...open });
  const closes_us = open.end_us + Number(sources.windows.setting("lateness_us") ?? 0);
  return {
    ...quiet,
    state: "first",
    headline: `${clock(open.start_us, size.us)} closes at ${isoFromUs(closes_us).slice(11, 19)}; ${holds ? "it holds history, so the next one is compared" : "then both are compared"}`,
    title: `closes at ${isoFromUs(closes_us).slice(11, 19)}`,
    first: { start_ms: open.start_us / 1_000, closes_ms: closes_us / 1_000 },
  };
}

/** Windows of the stream that hold history; where it has none, the store's newest such window. */
function historyListed(sources: Sources, selection: Selection): number {
  return judgedWindows(sources, selection)
    .values()
    .reduce((sum, { outcome }) => sum + (outcome === "history" ? 1 : 0), 0);
}

function waiting(
  closed_in_all: number,
  { counts, history }: { counts: Agreed | null; history: number },
  forConsume: boolean,
): Found {
  const unread = counts?.unread ?? 0;
  if (unread + history >= closed_in_all && counts?.pending === 0)
    return unread > 0 ? unreadText(unread) : historyText();
  const closed = closed_in_all === COUNTED_MAX ? closed_in_all : Math.max(1, closed_in_all - unread - history);
  const many = closed === COUNTED_MAX ? `${n(closed)} or more windows` : windows(closed);
  const [verb, their] = closed === 1 ? ["waits", "its"] : ["wait", "their"];
  const why = forConsume ? `until consume has read all ${their} ticks` : "for the next batch run";
  return {
    state: "waiting",
    headline: `${many} closed and ${verb} ${why}; then both are compared`,
    details: counts === null ? [] : notCountedYet(counts, { closed: 0, forConsume }),
    title: "not compared yet",
    is_alarm: false,
  };
}

function unreadText(unread: number): Found {
  return {
    state: "unread",
    headline: "No closed window can be compared: ticks had left the log before a stage was rebuilt",
    details: [`${windows(unread)} not compared; those that close from now on will be`],
    title: "not compared",
    is_alarm: false,
  };
}

function historyText(): Found {
  return {
    state: "waiting",
    headline: "The stream's first window holds history, which is not compared; the next one that closes will be",
    details: [],
    title: "not compared yet",
    is_alarm: false,
  };
}

/** Why the comparison may be out of date; null if all stages that it needs make progress. */
function downText({ stages, problems }: Pick<Status, "stages" | "problems">): string | null {
  // A reader that has never reported has not run yet; the batch reports nothing of this kind.
  const hasRun = ({ name, alive_us = 0 }: Stage) => name === "batch" || alive_us > 0;
  const down = stages.find((one) => one.name !== "produce" && one.state === "silent" && !one.ended && hasRun(one));
  if (down !== undefined) return `${down.name} is down: ${down.detail}`;
  const stopped = problems.find(({ stops, stage }) => stops && stage !== "produce");
  return stopped === undefined ? null : `${stopped.stage} is down`;
}

/** Event time up to which a run's answers reach, as `16:02`; of the product if it is known. */
function reachOf(sources: Sources, run_id: number, product: string): string | null {
  const run = sources.runs.all().find((one) => one.run_id === run_id);
  const us = run?.snapshot.newest_us[product];
  return us === undefined ? endOf(sources, run_id) : isoFromUs(us).slice(11, 16);
}

function endOf(sources: Sources, run_id: number): string | null {
  const sql = "SELECT newest_time_us AS us FROM runs WHERE run_id = $run_id";
  const us = sources.results.get<{ us: number | null }>(sql, { run_id })?.us ?? null;
  return us === null ? null : isoSecondFromUs(us).slice(11, 16);
}

/** A window's start: with seconds if windows are shorter than a minute. */
function clock(us: number, size_us: number): string {
  return isoFromUs(us).slice(11, size_us % 60_000_000 === 0 ? 16 : 19);
}

function windows(count: number): string {
  return `${n(count)} ${count === 1 ? "window" : "windows"}`;
}

/** 12345 → "12,345". */
function n(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
