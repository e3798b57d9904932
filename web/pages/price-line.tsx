/** The newest price, and what the open window waits for; the browser moves them each second. */
/** @jsxImportSource hono/jsx */
import { isoFromMs } from "../model/moments.ts";
import type { View } from "../model/view.ts";
import { openWords, shortPrice } from "../public/figure-words.ts";

export function PriceLine({ view: { now, selection, choice } }: { view: Pick<View, "now" | "selection" | "choice"> }) {
  const { price, traded_ms, trades_per_s } = now;
  return (
    <p id="price-line" class="price-line">
      <b class="price">
        <span class={choice.products.length < 2 ? "unseen only" : "unseen"}>{selection.product} </span>
        <span data-figure="price">{price === null ? "–" : shortPrice(price)}</span>
      </b>
      <span class="about dotted">
        <span data-figure="traded">
          {traded_ms === null ? "no trade yet" : `last trade ${isoFromMs(traded_ms).slice(11, 19)}`}
        </span>
        <span data-figure="rate">{trades_per_s === null ? "" : `${trades_per_s.toFixed(1)} trades/s`}</span>
        <span data-figure="open">{openWords(now, now.at_ms, utcClock)}</span>
      </span>
    </p>
  );
}

function utcClock(ms: number, form: "minute" | "second"): string {
  return isoFromMs(ms).slice(11, form === "minute" ? 16 : 19);
}
