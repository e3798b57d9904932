/** Everything that one page shows, each part read when it is first asked for. */
import { sentence } from "../../scripts/base/errors.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { feedEnd } from "../../scripts/contract/feed-status.ts";
import type { StatusEvent } from "../../scripts/contract/page-events.ts";
import type { Outage } from "../../scripts/contract/tick.ts";
import type { LatenessAnswer } from "../../scripts/measure/lateness-answer.ts";
import OUTAGES from "../../sql/page/outages.sql" with { type: "text" };
import { type BatchSide, batchSide } from "./batch-side.ts";
import { comparison } from "./comparison.ts";
import { type Differences, differences } from "./differences.ts";
import type { Measure } from "./figures.ts";
import { latenessPrice } from "./lateness-price.ts";
import { pageStatus } from "./page-status.ts";
import { type Place, placeOf } from "./place.ts";
import { type Choice, choices, type Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";
import type { Status } from "./status.ts";
import { type StreamSide, streamSide } from "./stream-side.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

export interface View {
  readonly selection: Selection;
  readonly choice: Choice;
  readonly status: Status;
  readonly stream: StreamSide;
  readonly batch: BatchSide;
  readonly measures: Measure[];
  readonly place: Place;
  /** When the feed ended, ISO 8601 UTC; null while it runs, and when `produce` was stopped. */
  readonly ended: string | null;
  /** What moves with time: price, open window, lanes. */
  readonly now: StatusEvent;
  readonly verdict: Verdict;
  readonly differences: Differences;
  /** A sentence when it is not known. */
  readonly lateness: LatenessAnswer | string;
  /** Newest first, of all products. */
  readonly outages: ShownOutage[];
}

/** A span without a feed; times in ISO 8601 UTC. */
type ShownOutage = Omit<Outage, "from_us" | "to_us"> & { from: string; to: string };

const OUTAGES_SHOWN = 20;

/**
 * What can't be read is empty; the status's problems say why. A part of a page asks for few of these,
 * so that the others need not be read for it.
 */
export function view(sources: Sources, selection: Selection, status: Status): View {
  const { product, size } = selection;
  return lazily(sources, {
    selection: () => selection,
    choice: () => choices(sources),
    status: () => status,
    stream: () => streamSide(sources, selection),
    batch: () => batchSide(sources, selection),
    measures: () => comparison(sources, selection, status),
    place: () => placeOf(sources),
    ended: () => {
      const us = feedEnd(status.feed);
      return us === null ? null : isoFromUs(us);
    },
    now: () => pageStatus(sources, selection, status),
    verdict: () => verdictOf(sources, selection, status),
    differences: () => differences(sources, selection),
    lateness: () =>
      sources.once(`lateness ${size.us} ${product}`, () => {
        try {
          return latenessPrice(sources, { product, size_us: size.us, want: null });
        } catch (error) {
          return sentence(error);
        }
      }),
    outages: () => outages(sources),
  });
}

/** The same with every property made, all of this moment. Call it leniently. */
export function wholeView(sources: Sources, selection: Selection, status: Status): View {
  const made = view(sources, selection, status);
  return { ...made };
}

/** Each property is made at its first use. */
function lazily<T extends object>(sources: Sources, makers: { [K in keyof T]: () => T[K] }): T {
  const made = new Map<string, unknown>();
  const once = (name: string, make: () => unknown) => {
    if (!made.has(name)) made.set(name, sources.leniently(make));
    return made.get(name);
  };
  const properties = Object.entries<() => unknown>(makers).map(([name, make]) => [
    name,
    { enumerable: true, get: () => once(name, make) },
  ]);
  return Object.defineProperties({}, Object.fromEntries(properties)) as T;
}

/** Spans without a feed, of all products. */
function outages(sources: Sources): ShownOutage[] {
  const stored = sources.ticks.all<Outage>(OUTAGES, { product: null, limit: OUTAGES_SHOWN });
  return stored.map(({ from_us, to_us, ...rest }) => ({ ...rest, from: isoFromUs(from_us), to: isoFromUs(to_us) }));
}
