/** The place of the main chart; without script it has the newest windows as a table. */
/** @jsxImportSource hono/jsx */
import type { View } from "../model/view.ts";
import { clock, exact, short } from "./format.ts";

const COLUMNS = ["window, UTC", "open", "high", "low", "close", "volume", "trades", "average price"];

export function ChartPlace({ view }: { view: Pick<View, "stream" | "selection"> }) {
  const { product, size } = view.selection;
  return (
    <figure class="panel chart-panel" aria-label={`${product}, windows of ${size.name}`}>
      <div id="main-chart">
        <section class="scroll needs-script" tabindex={0} aria-label="The newest windows">
          <table>
            <caption>The chart needs JavaScript. The newest windows of the stream:</caption>
            <thead>
              <tr>
                {COLUMNS.map((name, i) => (
                  <th scope="col" class={i > 0 ? "n" : ""}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {view.stream.windows.map((w) => (
                <tr>
                  <th scope="row">
                    {clock(w.window_start)} – {clock(w.window_end)}
                    {w.final === 0 ? " (open)" : ""}
                  </th>
                  {[w.open_price, w.max_price, w.min_price, w.close_price, w.total_volume].map((value) => (
                    <td class="n">{short(value)}</td>
                  ))}
                  <td class="n">{exact(w.trade_count)}</td>
                  <td class="n">{short(w.avg_price)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </div>
    </figure>
  );
}
