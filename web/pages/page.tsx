/** The page, from top to bottom; elements with an id are replaced when they change. */
/** @jsxImportSource hono/jsx */
import type { PageAddress } from "../../scripts/contract/page-address.ts";
import type { View } from "../model/view.ts";
import { ChartPlace } from "./chart-place.tsx";
import { Lanes } from "./lane-list.tsx";
import { Header, Layout, type StaticFiles } from "./layout.tsx";
import { PARTS } from "./parts.tsx";
import { PriceLine } from "./price-line.tsx";
import { TryThis } from "./try-this.tsx";

/** Below the first screen. */
const SECTIONS = [
  ["differences", "What differs?"],
  ["ages", "How old is each answer?"],
  ["lateness", "How long to wait?"],
  ["windows", "Newest closed windows"],
  ["measures", "What is measured"],
  ["all-counts", "Counts"],
  ["try-this", "Try this"],
  ["metrics", "Metrics"],
] as const;

interface PageProps {
  view: View;
  /** With it the page asks /events for what comes after this view. */
  id: string;
  assets: StaticFiles;
  address: PageAddress;
}

export function Page({ view, id, assets, address }: PageProps) {
  const { selection } = view;
  return (
    <Layout title={`Tidemark ${selection.product}`} assets={assets} address={address} id={id}>
      <Header view={view} address={address} />
      <main id="main">
        <div class="first">
          <div class="now">
            <div>
              <PriceLine view={view} />
              {PARTS.ending.element(view)}
            </div>
            {PARTS.verdict.element(view)}
          </div>
          <section class="tiles" aria-label="Stream and batch compared">
            {PARTS["tile-soon"].element(view)}
            {PARTS["tile-fresh"].element(view)}
            {PARTS["tile-complete"].element(view)}
            {PARTS["tile-costly"].element(view)}
            {PARTS["tile-agree"].element(view)}
          </section>
          <ChartPlace view={view} />
          <Lanes view={view} />
        </div>
        <div class="more">
          <nav class="sections" aria-label="Sections">
            {SECTIONS.map(([id, name]) => (
              <a href={`#${id}`}>{name}</a>
            ))}
          </nav>
          {PARTS.differences.element(view)}
          <figure class="panel" id="ages">
            <figcaption>
              <h2>How old is each answer?</h2>
              <p class="note">The last five minutes: the stream's age is flat, the batch's falls with each run.</p>
            </figcaption>
            <div id="age-chart">
              <p class="needs-script">
                This chart needs JavaScript; the ages are under “How fresh is the answer?” below.
              </p>
            </div>
          </figure>
          {PARTS.lateness.element(view)}
          {PARTS["batch-runs"].element(view)}
          {PARTS.sentiment.element(view)}
          <section class="panel wide" aria-labelledby="windows-title">
            <h2 id="windows-title">Newest closed windows</h2>
            <p class="links">
              <label>
                <input type="checkbox" id="all-digits" /> all digits
              </label>{" "}
              <a href={exportOf(view, "csv")}>CSV</a> <a href={exportOf(view, "parquet")}>Parquet</a>{" "}
              <a href={`/api/windows?product=${encodeURIComponent(selection.product)}`}>JSON</a>
            </p>
            {PARTS.windows.element(view)}
          </section>
          {PARTS.outages.element(view)}
          <section class="panel wide" aria-labelledby="measures-title">
            <h2 id="measures-title">What is measured</h2>
            <p class="links">
              <a href="/api/comparison">JSON</a>
            </p>
            {PARTS.measures.element(view)}
          </section>
          <details class="panel wide fold" id="all-counts">
            <summary>
              <h2>Counts</h2> <small>late, duplicates, dead letters, watermark, offsets of the log</small>
            </summary>
            {PARTS.counts.element(view)}
          </details>
          <TryThis view={view} address={address} />
          {PARTS.metrics.element(view)}
        </div>
        {PARTS.problems.element(view)}
      </main>
      <footer class="bottom">
        <p>
          <a href="/api/status">status</a> <a href="/api/windows">windows</a>{" "}
          <a href="/api/reconciliation">reconciliation</a> <a href="/api/comparison">comparison</a>{" "}
          <a href="/metrics">Prometheus</a> <a href="/healthz">health</a>
        </p>
        <p>Sums are exact decimals. Tidemark is free software under the Apache License 2.0.</p>
      </footer>
    </Layout>
  );
}

function exportOf({ selection }: View, ending: string): string {
  return `/export/windows.${ending}?product=${encodeURIComponent(selection.product)}`;
}
