/** The newest windows of the stream, each with its outcome of the reconciliation. */
/** @jsxImportSource hono/jsx */

import type { View } from "../model/view.ts";
import type { ShownWindow } from "../model/windows.ts";
import { clock, exact } from "./format.ts";

const MARKS: Record<string, [mark: string, title: string]> = {
  equal: ["=", "The batch has exactly the same values"],
  explained: ["≈", "They differ by exactly the late ticks"],
  unexplained: ["≠", "They differ without an explanation"],
  pending: ["…", "The store has not read that far yet"],
};

const MISSING = "Trade ids never seen: 0 proves that none is missing; the ticker channel does not send every trade";
const COLUMNS: [name: string, number?: boolean, title?: string][] = [
  ["window (UTC)"],
  ["batch"],
  ["average price", true],
  ["low", true],
  ["high", true],
  ["range", true],
  ["volume", true],
  ["trades", true],
  ["buys : sells", true],
  ["sentiment"],
  ["flags"],
  ["missing", true, MISSING],
];

export function WindowTable({ view }: { view: Pick<View, "stream" | "batch" | "selection"> }) {
  const { windows } = view.stream;
  return (
    <section class="panel wide" id="windows" aria-labelledby="windows-title">
      <h2 id="windows-title">Newest windows</h2>
      <p class="links">
        <a href={exportOf(view, "csv")}>CSV</a> <a href={exportOf(view, "parquet")}>Parquet</a>{" "}
        <a href={`/api/windows?product=${encodeURIComponent(view.selection.product)}`}>JSON</a>
      </p>
      <section class="scroll" tabindex={0} aria-label="Newest windows, table">
        <table>
          <thead>
            <tr>
              {COLUMNS.map(([name, number, title]) => (
                <th scope="col" class={number ? "n" : undefined} title={title}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {windows.length === 0 && (
              <tr>
                <td colspan={COLUMNS.length} class="empty">
                  No window yet: the first tick opens one.
                </td>
              </tr>
            )}
            {windows.map((window) => (
              <WindowRow window={window} outcome={view.batch.outcomes.get(window.window_start)} />
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

function exportOf({ selection }: Pick<View, "selection">, ending: string): string {
  return `/export/windows.${ending}?product=${encodeURIComponent(selection.product)}`;
}

/** The window's start, so that one row can be replaced. */
export function rowId(window: Pick<ShownWindow, "window_start">): string {
  return `w${window.window_start.replace(/\D/g, "")}`;
}

export function WindowRow({ window: w, outcome }: { window: ShownWindow; outcome: string | undefined }) {
  const [mark, title] = MARKS[outcome ?? ""] ?? [
    "",
    w.final === 0 ? "Still open" : "Closed since the newest batch run",
  ];
  const flags = [
    w.volatility_flag === "High" ? "volatile" : "",
    w.volume_spike === "Spike" ? "spike" : "",
    w.late > 0 ? `${w.late} late` : "",
    w.final === 2 ? "flushed" : "",
  ];
  return (
    <tr id={rowId(w)} class={w.final === 0 ? "open" : ""}>
      <th scope="row">
        {clock(w.window_start)} – {clock(w.window_end)}
        {w.final === 0 && <span class="tag">open</span>}
      </th>
      <td class={`mark ${outcome ?? ""}`} title={title}>
        {mark}
      </td>
      <td class="n">{exact(w.avg_price)}</td>
      <td class="n">{exact(w.min_price)}</td>
      <td class="n">{exact(w.max_price)}</td>
      <td class="n">{exact(w.price_range)}</td>
      <td class="n">{exact(w.total_volume)}</td>
      <td class="n">{exact(w.trade_count)}</td>
      <td class="n">
        {w.buy_count} : {w.sell_count}
      </td>
      <td class={w.market_sentiment.toLowerCase()}>{w.market_sentiment}</td>
      <td>{flags.filter((flag) => flag !== "").join(", ")}</td>
      <td class="n">{exact(w.missing)}</td>
    </tr>
  );
}
