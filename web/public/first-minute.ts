/** Before the first comparison: how far the first window is on its way to its close, in event time. */
import type { StatusEvent } from "../../scripts/contract/page-events.ts";
import { ageWords } from "./figure-words.ts";
import { on } from "./page-bus.ts";
import { now_ms } from "./server-time.ts";
import { eachTick } from "./ticker.ts";
import { write } from "./write.ts";

let status: StatusEvent | null = null;

/** The server renders `#closing` in the verdict, with the window's start and close as data. */
export function startFirstMinute(): void {
  on("status", (event) => {
    status = event;
  });
  on("parts", tick);
  eachTick(tick);
}

function tick(): void {
  const element = document.getElementById("closing");
  if (element === null || status === null || status.exchange_ms === null) return;
  const { exchange_ms, at_ms, speed } = status;
  const [start_ms, closes_ms] = [Number(element.dataset.start), Number(element.dataset.closes)];
  const clock_ms = exchange_ms + (now_ms() - at_ms) * (speed ?? 1);
  const bar = element.querySelector("progress");
  if (bar) bar.value = Math.min(1, Math.max(0, (clock_ms - start_ms) / (closes_ms - start_ms)));
  const left_ms = closes_ms - clock_ms;
  write(element.querySelector("span"), left_ms > 0 ? `in ${ageWords(left_ms)}` : "with the next trade");
}
