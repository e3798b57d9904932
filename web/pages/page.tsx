/** The page, from top to bottom; elements with an id are replaced when they change. */
/** @jsxImportSource hono/jsx */
import type { View } from "../model/view.ts";
import { counted, exact } from "./format.ts";
import { type Address, Header, Layout, queryOf } from "./layout.tsx";
import { MeasureTable } from "./measure-table.tsx";
import { Metrics } from "./metric-panels.tsx";
import { Problems } from "./problem-list.tsx";
import { BatchCard, StreamCard } from "./sides.tsx";
import { Strip } from "./strip.tsx";
import { Verdict } from "./verdict.tsx";
import { WindowTable } from "./window-table.tsx";

export function Page({ view, assets }: { view: View; assets: Address }) {
  const { selection } = view;
  return (
    <Layout title={`Tidemark ${selection.product}`} assets={assets}>
      <Header view={view} />
      <div
        id="live"
        hx-sse:connect={`/events?${queryOf(selection)}`}
        hx-swap="none"
        hx-trigger="load, retry"
        hx-config="sse.reconnectMaxDelay:5s"
        data-chart-windows={view.chart_windows}
      />
      <p id="connection" class="connection" role="status" hidden>
        Reconnecting to the server …
      </p>
      <main>
        <Problems problems={view.status.problems} />
        <Strip view={view} />
        <Verdict view={view} />
        <div class="pair">
          <StreamCard view={view} />
          <BatchCard view={view} />
        </div>
        <div class="charts">
          <Chart
            id="price"
            title="Average price"
            note="the stream's windows; dashed: the batch's average over everything stored"
          />
          <Chart id="trades" title="Trades per window" note="stream and batch, the same windows" />
          <Chart id="volume" title="Volume per window" note="stream and batch, the same windows" />
          <Chart
            id="times"
            title="Execution time of the batch"
            note="whole process, per run; dashed: the stream's median from receipt to answer"
          />
        </div>
        <Sentiment view={view} />
        <WindowTable view={view} />
        <MeasureTable measures={view.measures} />
        <Outages outages={view.outages} />
        <Metrics metrics={view.batch.panels} wanted={view.selection.product} />
      </main>
      <footer class="bottom">
        <p>
          <a href="/api/status">status</a> <a href="/api/windows">windows</a>{" "}
          <a href="/api/reconciliation">reconciliation</a> <a href="/api/comparison">comparison</a>{" "}
          <a href="/metrics">Prometheus</a> <a href="/healthz">health</a>
        </p>
        <p>Times are UTC. Sums are exact decimals. Tidemark is free software under the Apache License 2.0.</p>
      </footer>
    </Layout>
  );
}

function Chart({ id, title, note }: { id: string; title: string; note: string }) {
  return (
    <figure class="panel">
      <figcaption>
        <h2>{title}</h2>
        <p>{note}</p>
      </figcaption>
      <div class="chart" id={`chart-${id}`} role="img" aria-label={title} />
      <p class="summary" id={`summary-${id}`} />
    </figure>
  );
}

/** How many windows were bullish, neutral and bearish on both sides, as a table and as bars. */
export function Sentiment({ view }: { view: Pick<View, "stream" | "batch"> }) {
  const names = ["Bullish", "Neutral", "Bearish"] as const;
  const sides = [
    ["stream", view.stream.sentiment],
    ["batch", view.batch.sentiment],
  ] as const;
  return (
    <section class="panel wide" id="sentiment" aria-labelledby="sentiment-title">
      <h2 id="sentiment-title">Sentiment of the windows</h2>
      <table class="sentiment">
        <thead>
          <tr>
            <td />
            {names.map((name) => (
              <th scope="col" class="n">
                {name}
              </th>
            ))}
            <th scope="col" class="bar">
              distribution
            </th>
          </tr>
        </thead>
        <tbody>
          {sides.map(([side, counts]) => {
            const total = names.reduce((sum, name) => sum + (counts[name] ?? 0), 0);
            return (
              <tr>
                <th scope="row" class={side}>
                  {side}
                </th>
                {names.map((name) => (
                  <td class="n">{exact(counts[name] ?? 0)}</td>
                ))}
                <td class="bar">
                  <svg
                    viewBox="0 0 100 6"
                    preserveAspectRatio="none"
                    role="img"
                    aria-label={names.map((name) => `${name} ${counts[name] ?? 0}`).join(", ")}
                  >
                    {bars(
                      names.map((name) => counts[name] ?? 0),
                      total,
                    ).map(({ x, width }, i) => (
                      <rect class={names[i]!.toLowerCase()} x={x} y="0" width={width} height="6" />
                    ))}
                  </svg>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <p class="links">closed windows; the batch has those of its newest run</p>
    </section>
  );
}

function bars(counts: number[], total: number): { x: number; width: number }[] {
  let x = 0;
  return counts.map((n) => {
    const width = total === 0 ? 0 : (100 * n) / total;
    x += width;
    return { x: x - width, width };
  });
}

export function Outages({ outages }: { outages: View["outages"] }) {
  if (outages.length === 0) return <section id="outages" hidden />;
  return (
    <section class="panel wide" id="outages" aria-labelledby="outages-title">
      <h2 id="outages-title">
        Outages <small>{counted(outages.length, "newest one", "newest ones")}</small>
      </h2>
      <ul>
        {outages.map((o) => (
          <li>
            <b>{o.product_id}</b> {time(o.from)} to {time(o.to)}
            {o.last_trade_id !== null && o.first_trade_id !== null
              ? `, trade ids ${o.last_trade_id + 1} to ${o.first_trade_id - 1}`
              : ""}
            : {o.reason}
          </li>
        ))}
      </ul>
    </section>
  );
}

function time(iso: string): string {
  return iso.slice(0, 19).replace("T", " ");
}
