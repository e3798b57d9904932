/** The price of lateness: what each allowed lateness would have left out, the setting marked. */
/** @jsxImportSource hono/jsx */
import type { View } from "../model/view.ts";
import { counted, exact, percentUp, short } from "./format.ts";

type Answer = Exclude<View["lateness"], string>;
type Point = Answer["curve"][number];

export function LatenessPrice({ view: { lateness } }: { view: Pick<View, "lateness"> }) {
  return (
    <section class="panel" id="lateness" aria-labelledby="lateness-title">
      <h2 id="lateness-title">How long to wait?</h2>
      {typeof lateness === "string" ? <p class="empty">Not known yet: {lateness}</p> : <Bars answer={lateness} />}
    </section>
  );
}

function Bars({ answer }: { answer: Answer }) {
  const { curve, since, since_reason } = answer;
  const most = Math.max(1, ...curve.map(({ windows_revised }) => windows_revised));
  return (
    <>
      <p class="note">{priceText(curve)}</p>
      <ol class="lateness" aria-label="Windows revised, by allowed lateness">
        {curve.map((one) => (
          <li aria-current={one.is_current ? "true" : undefined}>
            <b>{exact(one.windows_revised)}</b>
            <svg viewBox="0 0 10 100" preserveAspectRatio="none" aria-hidden="true">
              <rect x="0" y={100 - height(one, most)} width="10" height={height(one, most)} />
            </svg>
            <span>{lateness(one.lateness_us)}</span>
          </li>
        ))}
      </ol>
      <details>
        <summary>late ticks and errors of each</summary>
        <section class="scroll" tabindex={0} aria-label="Price of lateness, table">
          <table>
            <thead>
              <tr>
                {["lateness", "late ticks", "of all", "windows revised", "volume off by", "vwap off by"].map((name) => (
                  <th scope="col" class="n">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {curve.map((one) => (
                <tr class={one.is_current ? "current" : ""}>
                  <th scope="row" class="n">
                    {lateness(one.lateness_us)}
                    {one.is_current ? " (set)" : ""}
                  </th>
                  <td class="n">{exact(one.late_ticks)}</td>
                  <td class="n">{one.ticks === 0 ? "–" : percentUp(one.late_ticks / one.ticks)}</td>
                  <td class="n">{exact(one.windows_revised)}</td>
                  <td class="n">{one.volume_error_max === null ? "unknown" : short(one.volume_error_max)}</td>
                  <td class="n">{one.vwap_error_max === null ? "unknown" : short(one.vwap_error_max)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </details>
      {since !== null && (
        <p class="note">
          Since {since.slice(0, 16).replace("T", " ")}: {since_reason}.
        </p>
      )}
    </>
  );
}

/** A sliver for 0, so that a column is seen to be empty. */
function height({ windows_revised }: Point, most: number): number {
  return Math.max(1, (100 * windows_revised) / most);
}

function priceText(curve: readonly Point[]): string {
  const set = curve.find(({ is_current }) => is_current)!;
  const none = curve.find(({ windows_revised }) => windows_revised === 0);
  const of = set.windows_closed === null ? "" : ` of ${exact(set.windows_closed)}`;
  const now =
    set.windows_revised === 0
      ? `Waiting ${lateness(set.lateness_us)} after a window's end has left out nothing.`
      : `Waiting ${lateness(set.lateness_us)} after a window's end, ${counted(set.late_ticks, "tick")} came too late and revised ${exact(set.windows_revised)}${of} windows.`;
  if (none === undefined) return `${now} No lateness shown here would have left out nothing.`;
  if (none.lateness_us === set.lateness_us) return now;
  const least = `${lateness(none.lateness_us)} would have been enough for all`;
  return none.lateness_us > set.lateness_us
    ? `${now} ${least}, and every answer final so much later.`
    : `${now} ${least}.`;
}

/** 1,500,000 → "1.5 s", 60,000,000 → "1 min". */
function lateness(us: number): string {
  return us > 0 && us % 60_000_000 === 0 ? `${us / 60_000_000} min` : `${us / 1_000_000} s`;
}
