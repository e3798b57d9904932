/** Spans without a feed; empty when there was none. */
/** @jsxImportSource hono/jsx */
import type { View } from "../model/view.ts";
import { counted } from "./format.ts";

export function Outages({ outages }: { outages: View["outages"] }) {
  if (outages.length === 0) return <section id="outages" hidden />;
  return (
    <section class="panel" id="outages" aria-labelledby="outages-title">
      <h2 id="outages-title">When was there no feed?</h2>
      <p class="note">The newest {counted(outages.length, "outage")}, of all products.</p>
      <ul class="plain">
        {outages.map((o) => (
          <li>
            <b>{o.product_id}</b> {time(o.from)} to {time(o.to)}
            {o.last_trade_id !== null && o.first_trade_id !== null && o.first_trade_id - o.last_trade_id > 1
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
