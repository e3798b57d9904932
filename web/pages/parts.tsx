/** The page's parts by the id of their element: what changes each, and its HTML. */
/** @jsxImportSource hono/jsx */
import type { View } from "../model/view.ts";
import { MeasureTable } from "./measure-table.tsx";
import { Metrics } from "./metric-panels.tsx";
import { Outages, Sentiment } from "./page.tsx";
import { Problems } from "./problem-list.tsx";
import { BatchCard, StreamCard } from "./sides.tsx";
import { Strip } from "./strip.tsx";
import { Verdict } from "./verdict.tsx";
import { WindowTable } from "./window-table.tsx";

interface Part {
  on: "windows" | "batch" | "beat";
  html(view: View): string;
}

export const PARTS: Record<string, Part> = {
  problems: { on: "beat", html: (view) => String(<Problems problems={view.status.problems} />) },
  strip: { on: "beat", html: (view) => String(<Strip view={view} />) },
  verdict: { on: "batch", html: (view) => String(<Verdict view={view} />) },
  "stream-card": { on: "windows", html: (view) => String(<StreamCard view={view} />) },
  "batch-card": { on: "batch", html: (view) => String(<BatchCard view={view} />) },
  sentiment: { on: "windows", html: (view) => String(<Sentiment view={view} />) },
  windows: { on: "windows", html: (view) => String(<WindowTable view={view} />) },
  words: { on: "beat", html: (view) => String(<MeasureTable measures={view.measures} />) },
  outages: { on: "batch", html: (view) => String(<Outages outages={view.outages} />) },
  metrics: {
    on: "batch",
    html: (view) => String(<Metrics metrics={view.batch.panels} wanted={view.selection.product} />),
  },
};
