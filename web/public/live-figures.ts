/**
 * Figures that the browser moves between the server's events. The server renders them with these
 * marks: `data-age-of="1693929600000"`: the text is the age of this moment, `4.1 s`;
 * `data-until="1693929600000"`: the time up to it, `in 0.9 s`, then `now`; both by its own clock.
 * In `#price-line`, by `data-figure`: `price` (its title has all digits), `traded` (time of the newest
 * trade), `rate` (`4.1 trades/s`), `open` (the open window in words). In `#lanes`: see lanes.ts.
 * A `<time datetime="…Z">` is written in the chosen zone, in the form that its text has (zone.ts).
 */
import type { StatusEvent } from "../../scripts/contract/page-events.ts";
import { ageWords, openWords, shortPrice, untilWords } from "./figure-words.ts";
import { on } from "./page-bus.ts";
import { now_ms } from "./server-time.ts";
import { eachTick } from "./ticker.ts";
import { write } from "./write.ts";
import { clockText } from "./zone.ts";

let status: StatusEvent | null = null;

export function startLiveFigures(): void {
  on("status", (event) => {
    status = event;
    showPrice(event);
    showMode(event);
  });
  on("parts", tick);
  on("state", () => {
    if (status) showPrice(status);
  });
  eachTick(tick);
}

function tick(): void {
  const now = now_ms();
  for (const element of document.querySelectorAll<HTMLElement>("[data-age-of]"))
    write(element, ageWords(now - Number(element.dataset.ageOf)));
  for (const element of document.querySelectorAll<HTMLElement>("[data-until]"))
    write(element, untilWords(Number(element.dataset.until) - now));
  if (status) write(figure("open"), openWords(status, now, clockText));
}

function figure(name: string): HTMLElement | null {
  return document.querySelector<HTMLElement>(`#price-line [data-figure="${name}"]`);
}

function showPrice({ price, traded_ms, trades_per_s }: StatusEvent): void {
  const element = figure("price");
  write(element, price === null ? "–" : shortPrice(price));
  if (element && price !== null && element.title !== price) element.title = price;
  write(figure("traded"), traded_ms === null ? "no trade yet" : `last trade ${clockText(traded_ms, "second")}`);
  write(figure("rate"), trades_per_s === null ? "" : `${trades_per_s.toFixed(1)} trades/s`);
}

/** Also a page that was opened before there was any feed. */
function showMode({ mode, speed, traded_ms }: StatusEvent): void {
  const element = document.getElementById("mode");
  if (element === null || mode === null) return;
  if (element.className !== `mode ${mode}`) element.className = `mode ${mode}`;
  if (mode === "live") {
    write(element, "LIVE");
    return;
  }
  let day = element.querySelector(".day");
  const words = `▶ REPLAY${speed ? ` ×${speed}` : ""}`;
  if (day === null) {
    day = document.createElement("span");
    day.className = "day";
  }
  if (element.firstChild?.nodeType !== Node.TEXT_NODE || element.firstChild.textContent?.trim() !== words)
    element.replaceChildren(words, day);
  write(day, traded_ms === null ? "" : ` · ${clockText(traded_ms, "day")}`);
}
