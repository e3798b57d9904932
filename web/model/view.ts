/** Everything that one page shows, read at one moment. */
import { isoFromUs } from "../../scripts/base/iso.ts";
import { CHART_WINDOWS_MAX } from "../../scripts/base/limits.ts";
import type { Outage } from "../../scripts/contract/tick.ts";
import OUTAGES from "../../sql/page/outages.sql" with { type: "text" };
import { streamAgeNow } from "./age-measures.ts";
import { type BatchSide, batchSide } from "./batch-side.ts";
import { comparison } from "./comparison.ts";
import type { Figure, Measure } from "./figures.ts";
import { momentOf } from "./measure-moment.ts";
import { type Choice, choices, type Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";
import type { Status } from "./status.ts";
import { type StreamSide, streamSide } from "./stream-side.ts";

export interface View {
  selection: Selection;
  choice: Choice;
  status: Status;
  stream: StreamSide;
  batch: BatchSide;
  /** How old the stream's answer is. */
  age: Figure;
  measures: Measure[];
  /** Newest first. */
  outages: ShownOutage[];
  /** Windows that a chart holds: the browser keeps no more. */
  chart_windows: number;
}

/** A span without a feed; times in ISO 8601 UTC. */
type ShownOutage = Omit<Outage, "from_us" | "to_us"> & { from: string; to: string };

const OUTAGES_SHOWN = 20;

/** What can't be read is empty; the status's problems say why. */
export function view(sources: Sources, selection: Selection, status: Status): View {
  return sources.leniently(() => ({
    selection,
    choice: choices(sources),
    status,
    stream: streamSide(sources, selection),
    batch: batchSide(sources, selection),
    age: streamAgeNow(momentOf(sources, selection, status.feed)),
    measures: comparison(sources, selection, status),
    outages: outages(sources),
    chart_windows: CHART_WINDOWS_MAX,
  }));
}

/** Spans without a feed, of all products. */
function outages(sources: Sources): ShownOutage[] {
  const stored = sources.ticks.all<Outage>(OUTAGES, { product: null, limit: OUTAGES_SHOWN });
  return stored.map(({ from_us, to_us, ...rest }) => ({ ...rest, from: isoFromUs(from_us), to: isoFromUs(to_us) }));
}
