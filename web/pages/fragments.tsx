/** Parts of the page as htmx takes them from /events: each names the element that it replaces. */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { Measure } from "../model/figures.ts";
import type { View } from "../model/view.ts";
import type { ShownWindow } from "../model/windows.ts";
import { MeasureTable } from "./measure-table.tsx";
import { Metrics } from "./metric-panels.tsx";
import { Outages, Sentiment } from "./page.tsx";
import { Problems } from "./problem-list.tsx";
import { BatchCard, StreamCard } from "./sides.tsx";
import { Strip } from "./strip.tsx";
import { Verdict } from "./verdict.tsx";
import { rowId, WindowRow, WindowTable } from "./window-table.tsx";

/** outerMorph keeps what didn't change: selections, open details, charts. */
function Replace({ id, children }: { id: string; children?: Child }) {
  return (
    <hx-partial hx-target={`#${id}`} hx-swap="outerMorph">
      {children}
    </hx-partial>
  );
}

/** Rows that changed, when the table has no new one. */
export function changedRows(windows: ShownWindow[], view: Pick<View, "batch" | "stream" | "selection">): string {
  const rows = windows.map((window) => (
    <Replace id={rowId(window)}>
      <WindowRow window={window} outcome={view.batch.outcomes.get(window.window_start)} />
    </Replace>
  ));
  return [
    ...rows,
    <Replace id="stream-card">
      <StreamCard view={view} />
    </Replace>,
  ]
    .map(String)
    .join("");
}

/** The table with a new row, and what counts its windows. */
export function newWindows(view: Pick<View, "batch" | "stream" | "selection">): string {
  const parts = [
    <Replace id="windows">
      <WindowTable view={view} />
    </Replace>,
    <Replace id="stream-card">
      <StreamCard view={view} />
    </Replace>,
    <Replace id="sentiment">
      <Sentiment view={view} />
    </Replace>,
  ];
  return parts.map(String).join("");
}

/** Problems, the strip, and the table of measures unless it is null. */
export function strip(view: Pick<View, "status" | "selection" | "age">, measures: Measure[] | null): string {
  const parts = [
    <Replace id="problems">
      <Problems problems={view.status.problems} />
    </Replace>,
    <Replace id="strip">
      <Strip view={view} />
    </Replace>,
  ];
  if (measures !== null) {
    parts.push(
      <Replace id="words">
        <MeasureTable measures={measures} />
      </Replace>,
    );
  }
  return parts.map(String).join("");
}

/** What a batch run changes. */
export function batchParts(view: Pick<View, "selection" | "stream" | "batch" | "outages">): string {
  const parts = [
    <Replace id="verdict">
      <Verdict view={view} />
    </Replace>,
    <Replace id="batch-card">
      <BatchCard view={view} />
    </Replace>,
    <Replace id="windows">
      <WindowTable view={view} />
    </Replace>,
    <Replace id="sentiment">
      <Sentiment view={view} />
    </Replace>,
    <Replace id="outages">
      <Outages outages={view.outages} />
    </Replace>,
    <Replace id="metrics">
      <Metrics metrics={view.batch.panels} wanted={view.selection.product} />
    </Replace>,
  ];
  return parts.map(String).join("");
}
