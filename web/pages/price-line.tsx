/** The newest price, and what the open window waits for; the browser moves them each second. */
/** @jsxImportSource hono/jsx */
import { isoFromMs } from "../model/moments.ts";
import type { View } from "../model/view.ts";
import { ageWords, shortPrice } from "../public/figure-words.ts";
import { clock, exact } from "./format.ts";

export function PriceLine({ view: { now, selection } }: { view: Pick<View, "now" | "selection"> }) {
  const { price, traded_ms, trades_per_s } = now;
  return (
    <p id="price-line" class="price-line">
      <b class="price">
        <span class="unseen">{selection.product} </span>
        <span data-figure="price">{price === null ? "–" : shortPrice(price)}</span>
      </b>
      <span class="about dotted">
        <span data-figure="traded">
          {traded_ms === null ? "no trade yet" : `last trade ${isoFromMs(traded_ms).slice(11, 19)}`}
        </span>
        <span data-figure="rate">{trades_per_s === null ? "" : `${trades_per_s.toFixed(1)} trades/s`}</span>
        <span data-figure="open">{openWords(now)}</span>
      </span>
    </p>
  );
}

function openWords({ open, exchange_ms, ended_ms, mode }: View["now"]): string {
  if (open === null) return mode === null ? "" : "no window is open";
  const window = `window ${clock(isoFromMs(open.start_s * 1_000))}: ${exact(open.trades)} trades`;
  if (ended_ms !== null) return `${window}, stays open: the feed has ended`;
  if (exchange_ms === null) return `${window}, open`;
  const left_ms = open.closes_ms - exchange_ms;
  if (left_ms > 0) return `${window}, closes in ${ageWords(left_ms)}`;
  return `${window}, closes with the first trade after ${isoFromMs(open.closes_ms).slice(11, 19)}`;
}
