/** How many windows were bullish, neutral and bearish on both sides, as counts and as bars. */
/** @jsxImportSource hono/jsx */
import { storedSize } from "../model/reconciliation.ts";
import type { View } from "../model/view.ts";
import { exact } from "./format.ts";

const NAMES = [
  ["Bullish", "▲"],
  ["Neutral", "–"],
  ["Bearish", "▽"],
] as const;

export function Sentiment({ view }: { view: Pick<View, "selection" | "stream" | "batch"> }) {
  const { size } = view.selection;
  const of = size.from_us === undefined ? "" : ` of ${storedSize(size).name}, from which ${size.name} is summed,`;
  const sides = [
    ["stream", view.stream.sentiment],
    ["batch", view.batch.sentiment],
  ] as const;
  return (
    <section class="panel" id="sentiment" aria-labelledby="sentiment-title">
      <h2 id="sentiment-title">Which way?</h2>
      <p class="note">Closed windows{of} by sentiment; the batch has those of its newest run.</p>
      <table class="sentiment">
        <thead>
          <tr>
            <td />
            {NAMES.map(([name, sign]) => (
              <th scope="col" class="n">
                {sign} {name}
              </th>
            ))}
            <th scope="col" class="wide">
              share
            </th>
          </tr>
        </thead>
        <tbody>
          {sides.map(([side, counts]) => (
            <tr>
              <th scope="row" class={side}>
                {side}
              </th>
              {NAMES.map(([name]) => (
                <td class="n">{exact(counts[name] ?? 0)}</td>
              ))}
              <td class="wide">
                <Shares counts={NAMES.map(([name]) => counts[name] ?? 0)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Bullish filled, neutral a line, bearish hollow. */
function Shares({ counts }: { counts: number[] }) {
  const total = counts.reduce((sum, n) => sum + n, 0);
  const widths = counts.map((n) => (total === 0 ? 0 : (100 * n) / total));
  const starts = widths.map((_, i) => widths.slice(0, i).reduce((sum, width) => sum + width, 0));
  return (
    <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      {NAMES.map(([name], i) => (
        <rect class={name.toLowerCase()} x={starts[i]} y="0" width={widths[i]} height="6" />
      ))}
    </svg>
  );
}
