/** The newest closed windows, each with its outcome of the reconciliation. */
/** @jsxImportSource hono/jsx */
import { windowAddress } from "../../scripts/contract/page-address.ts";
import type { View } from "../model/view.ts";
import type { ShownWindow } from "../model/windows.ts";
import { clock, exact, short } from "./format.ts";
import { Term } from "./term.tsx";

/** A sign and a word for each outcome: colour alone means nothing. */
const OUTCOMES: Record<string, [sign: string, word: string]> = {
  equal: ["✓", "equal"],
  explained: ["✓", "late ticks"],
  unexplained: ["≠", "differs"],
  pending: ["…", "pending"],
  unread: ["–", "not compared"],
  history: ["«", "history"],
};
const NOT_YET: [sign: string, word: string] = ["…", "next run"];
const SENTIMENTS: Record<string, string> = { Bullish: "▲", Bearish: "▽", Neutral: "–" };

const MISSING =
  "Trade ids that were never seen: 0 proves that none is missing. Of some it is proved that they were never issued. The ticker channel does not send every trade.";
const OUTCOME =
  "✓ equal: the batch has exactly the same values. ✓ late ticks: they differ by exactly those. ≠: they differ otherwise.";

export function WindowTable({ view }: { view: Pick<View, "stream" | "batch" | "selection"> }) {
  const windows = view.stream.windows.filter(({ final }) => final !== 0);
  return (
    <section class="scroll" id="windows" tabindex={0} aria-label="Newest closed windows, table">
      <table>
        <thead>
          <tr>
            <th scope="col">window, UTC</th>
            <th scope="col">
              <Term id="outcome" explain={OUTCOME}>
                batch
              </Term>
            </th>
            {["average price", "low", "high", "range", "volume", "trades", "buys : sells"].map((name) => (
              <th scope="col" class="n">
                {name}
              </th>
            ))}
            <th scope="col">sentiment</th>
            <th scope="col">flags</th>
            <th scope="col" class="n">
              <Term id="missing" explain={MISSING}>
                missing
              </Term>
            </th>
          </tr>
        </thead>
        <tbody>
          {windows.length === 0 && (
            <tr>
              <td colspan={12} class="empty">
                No window is closed yet.
              </td>
            </tr>
          )}
          {windows.map((window) => (
            <WindowRow
              window={window}
              product={view.selection.product}
              size={view.selection.size.name}
              outcome={view.batch.outcomes.get(window.window_start)}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Two digits in sight; all of them while "all digits" is on. */
function Digits({ value }: { value: unknown }) {
  const [shown, all] = [short(value), exact(value)];
  if (shown === all || shown === `${all}.00`) return <>{shown}</>;
  return (
    <>
      <span class="short">{shown}</span>
      <span class="all">{all}</span>
    </>
  );
}

/** Ids that were never issued are no loss, so they are shown apart. */
function missingText({ missing, unissued }: ShownWindow): string {
  return unissued === 0 ? exact(missing) : `${exact(missing - unissued)} + ${exact(unissued)} never issued`;
}

interface RowOf {
  window: ShownWindow;
  product: string;
  size: string;
  outcome: string | undefined;
}

function WindowRow({ window: w, product, size, outcome }: RowOf) {
  const [sign, word] = OUTCOMES[outcome ?? ""] ?? NOT_YET;
  const flags = [
    w.volatility_flag === "High" ? "volatile" : "",
    w.volume_spike === "Spike" ? "spike" : "",
    w.late > 0 ? `${w.late} late` : "",
    w.final === 2 ? "flushed" : "",
  ];
  return (
    <tr>
      <th scope="row">
        <a href={windowAddress(product, size, w.window_start)}>
          {clock(w.window_start)} – {clock(w.window_end)}
        </a>
      </th>
      <td class={`outcome ${outcome ?? ""}`}>
        <b>{sign}</b> {word}
      </td>
      {[w.avg_price, w.min_price, w.max_price, w.price_range, w.total_volume].map((value) => (
        <td class="n">
          <Digits value={value} />
        </td>
      ))}
      <td class="n">{exact(w.trade_count)}</td>
      <td class="n">
        {w.buy_count} : {w.sell_count}
      </td>
      <td class={w.market_sentiment.toLowerCase()}>
        <b>{SENTIMENTS[w.market_sentiment]}</b> {w.market_sentiment}
      </td>
      <td>{flags.filter((flag) => flag !== "").join(", ")}</td>
      <td class="n">{missingText(w)}</td>
    </tr>
  );
}
