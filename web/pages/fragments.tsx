/** Parts of the page as htmx takes them from /events: each names the element that it replaces. */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { Measure } from "../model/figures.ts";
import type { View } from "../model/view.ts";
import type { ShownWindow } from "../model/windows.ts";
import { MeasureTable } from "./measure-table.tsx";
import { Metrics } from "./metric-panels.tsx";
import { Outages } from "./outage-list.tsx";
import { Problems } from "./problem-list.tsx";
import { Sentiment } from "./sentiment.tsx";
import { WindowTable } from "./window-table.tsx";

/** outerMorph keeps what didn't change: selections, open details, charts. */
function Replace({ id, children }: { id: string; children?: Child }) {
  return (
    <hx-partial hx-target={`#${id}`} hx-swap="outerMorph">
      {children}
    </hx-partial>
  );
}

type Windows = Pick<View, "batch" | "stream" | "selection">;

export function changedRows(_: ShownWindow[], view: Windows): string {
  return newWindows(view);
}

/** The table with a new row, and what counts its windows. */
export function newWindows(view: Windows): string {
  const parts = [
    <Replace id="windows">
      <WindowTable view={view} />
    </Replace>,
    <Replace id="sentiment">
      <Sentiment view={view} />
    </Replace>,
  ];
  return parts.map(String).join("");
}

/** Problems, and the measures unless they are null. */
export function strip({ status }: Pick<View, "status" | "selection"> & { age: unknown }, measures: Measure[] | null) {
  const parts = [
    <Replace id="problems">
      <Problems problems={status.problems} />
    </Replace>,
  ];
  if (measures !== null) {
    parts.push(
      <Replace id="measures">
        <MeasureTable measures={measures} />
      </Replace>,
    );
  }
  return parts.map(String).join("");
}

/** What a batch run changes. */
export function batchParts(view: Pick<View, "selection" | "stream" | "batch" | "outages">): string {
  const parts = [
    <Replace id="outages">
      <Outages outages={view.outages} />
    </Replace>,
    <Replace id="metrics">
      <Metrics metrics={view.batch.panels} />
    </Replace>,
  ];
  return newWindows(view) + parts.map(String).join("");
}
