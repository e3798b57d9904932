/** The page's parts by the element that each replaces, and when each may change. */
/** @jsxImportSource hono/jsx */
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import type { View } from "../model/view.ts";
import { AgreeTile } from "./agree-tile.tsx";
import { Counts } from "./counts.tsx";
import { DifferenceList } from "./difference-list.tsx";
import { Ending } from "./ending.tsx";
import { FigureTile } from "./figure-tile.tsx";
import { LatenessPrice } from "./lateness-bars.tsx";
import { MeasureTable } from "./measure-table.tsx";
import { Metrics } from "./metric-panels.tsx";
import { Outages } from "./outage-list.tsx";
import { Problems } from "./problem-list.tsx";
import { BatchRuns } from "./run-times.tsx";
import { Sentiment } from "./sentiment.tsx";
import { VerdictLine } from "./verdict-line.tsx";
import { WindowTable } from "./window-table.tsx";

interface Part {
  /** `windows`: the stream has committed. `batch`: a run has ended. `beat`: each few seconds. */
  on: "windows" | "batch" | "beat";
  /** The element with the part's id, rendered once per view or per what it is of. */
  element(view: View): Child;
  /** The same as the browser gets it. */
  html(view: View): string;
}

/** What is not here never changes on an open page, or the browser changes it by itself. */
export const PARTS = {
  problems: part("beat", (view) => <Problems problems={view.status.problems} />),
  ending: part("beat", (view) => <Ending view={view} />),
  verdict: part("windows", (view) => <VerdictLine view={view} />),
  "tile-soon": part("beat", (view) => <FigureTile view={view} name="soon" />),
  "tile-fresh": part("beat", (view) => <FigureTile view={view} name="fresh" />),
  "tile-complete": part("beat", (view) => <FigureTile view={view} name="complete" />),
  "tile-costly": part("beat", (view) => <FigureTile view={view} name="costly" />),
  "tile-agree": part("batch", (view) => <AgreeTile view={view} />),
  differences: part("batch", (view) => <DifferenceList view={view} />),
  windows: part("windows", (view) => <WindowTable view={view} />),
  lateness: part("beat", (view) => <LatenessPrice view={view} />),
  measures: part("beat", (view) => <MeasureTable measures={view.measures} />),
  counts: part("beat", (view) => <Counts view={view} />),
  sentiment: part("windows", (view) => <Sentiment view={view} />),
  outages: part("batch", (view) => <Outages outages={view.outages} />),
  "batch-runs": part("batch", (view) => <BatchRuns view={view} />),
  metrics: part(
    "batch",
    (view) => <Metrics metrics={view.batch.panels} wanted={view.selection.product} />,
    // Two thirds of the page; the same object until the next run.
    ({ batch }) => batch.panels,
  ),
} satisfies Record<string, Part>;

/** `of`: the object of the view from which the part is made alone, and which is never changed. */
function part(on: Part["on"], make: (view: View) => Child, of: (view: View) => object = (view) => view): Part {
  const made = new WeakMap<object, string>();
  const html = (view: View) => {
    const known = made.get(of(view));
    if (known !== undefined) return known;
    const text = String(make(view));
    made.set(of(view), text);
    return text;
  };
  return { on, element: (view) => raw(html(view)), html };
}
