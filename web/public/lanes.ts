/**
 * How far the log and its readers have come, in event time. The server renders in `#lanes` one
 * element per lane with `data-lane` (log, stream, consume, batch) and `data-state`; in it, by
 * `data-figure`: `reach` (a <progress> with `max="1"`), `lag` (`0.2 s behind, steady`), `read`
 * (event time), `reason` (in words), and of the batch `next` (`next run in 0.9 s`).
 */
import type { Lane, StatusEvent } from "../../scripts/contract/page-events.ts";
import { lagWords, laneLabel, reaches, untilWords } from "./figure-words.ts";
import { on } from "./page-bus.ts";
import { now_ms } from "./server-time.ts";
import { eachTick } from "./ticker.ts";
import { write } from "./write.ts";
import { clockText } from "./zone.ts";

/** Statuses, one per second, over which a lag's trend is shown. */
const TREND_LENGTH = 10;

let status: StatusEvent | null = null;
const lags = new Map<Lane["name"], number[]>();

export function startLanes(): void {
  on("status", (event) => {
    if (status?.of !== event.of) lags.clear();
    status = event;
    for (const { name, lag_ms } of event.lanes)
      if (lag_ms !== null) lags.set(name, [...(lags.get(name) ?? []), lag_ms].slice(-TREND_LENGTH));
    show(event);
  });
  on("state", () => {
    if (status) show(status);
  });
  eachTick(tick);
}

function show({ lanes }: StatusEvent): void {
  const shares = reaches(lanes.map(({ read_ms }) => read_ms));
  lanes.forEach((lane, i) => {
    const element = elementOf(lane);
    if (element === null) return;
    if (element.dataset.state !== lane.state) element.dataset.state = lane.state;
    const bar = part<HTMLProgressElement>(element, "reach");
    if (bar) {
      bar.value = shares[i] ?? 0;
      bar.setAttribute("aria-label", laneLabel(lane));
    }
    write(part(element, "read"), lane.read_ms === null ? "nothing yet" : `until ${clockText(lane.read_ms, "second")}`);
    write(part(element, "reason"), lane.reason);
  });
}

function tick(): void {
  if (status === null) return;
  const { at_ms, next_run_ms, lanes } = status;
  const now = now_ms();
  for (const lane of lanes) {
    const element = elementOf(lane);
    if (element === null) continue;
    write(part(element, "lag"), lagWords(lane, now - at_ms, lags.get(lane.name) ?? []));
    if (lane.name === "batch")
      write(part(element, "next"), next_run_ms === null ? "" : `next run ${untilWords(next_run_ms - now)}`);
  }
}

function elementOf({ name }: Lane): HTMLElement | null {
  return document.querySelector<HTMLElement>(`#lanes [data-lane="${name}"]`);
}

function part<T extends HTMLElement>(lane: HTMLElement, name: string): T | null {
  return lane.querySelector<T>(`[data-figure="${name}"]`);
}
