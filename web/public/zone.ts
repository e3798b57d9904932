/** Times in the chosen zone: those of scripts, and those that the server has written in UTC. */
import { ZONE_FIRST } from "../../scripts/contract/page-address.ts";
import { setState, state } from "./address.ts";
import { on } from "./page-bus.ts";
import { write } from "./write.ts";

type Form = "minute" | "second" | "day";

/** In the list: the browser's own, then all. */
const zones = [Intl.DateTimeFormat().resolvedOptions().timeZone];
const formats = new Map<string, Intl.DateTimeFormat>();
/** A time as the server writes it: which of its parts it has. */
const WRITTEN = /^(\d{4}-\d\d-\d\d)?([ T])?(\d\d:\d\d)?(:\d\d)?(\.\d+)?( UTC|Z)?$/;

export function startZone(): void {
  // Hundreds of zones, when somebody wants one of them.
  document.addEventListener("focusin", ({ target }) => {
    if (target instanceof HTMLSelectElement && target.id === "zone" && zones.length === 1) {
      zones.push(...Intl.supportedValuesOf("timeZone"));
      fill(zones);
    }
  });
  document.addEventListener("change", ({ target }) => {
    if (target instanceof HTMLSelectElement && target.id === "zone") setState({ zone: target.value });
  });
  on("state", () => rewrite());
  // The server writes in the first zone.
  on("parts", (ids) => {
    if (state.zone !== ZONE_FIRST || ids.includes("top")) rewrite(ids);
  });
  rewrite();
}

/** `16:59`, `16:59:58` or `2023-09-05` in the chosen zone. */
export function clockText(ms: number, form: Form): string {
  const parts = partsOf(ms);
  if (form === "day") return `${parts.year}-${parts.month}-${parts.day}`;
  const minute = `${parts.hour}:${parts.minute}`;
  return form === "minute" ? minute : `${minute}:${parts.second}`;
}

function partsOf(ms: number): Record<string, string> {
  const { zone } = state;
  let format = formats.get(zone);
  if (format === undefined) {
    const two = { month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" } as const;
    format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, year: "numeric", ...two, hourCycle: "h23" });
    formats.set(zone, format);
  }
  return Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
}

function fill(names: string[]): void {
  const list = document.getElementById("zone");
  if (!(list instanceof HTMLSelectElement)) return;
  const known = new Set([...list.options].map(({ value }) => value));
  for (const name of names) {
    if (known.has(name)) continue;
    list.add(new Option(name));
    known.add(name);
  }
}

/** `<time datetime="…Z">`: its text is written again with its parts; `ids`: only in these elements. */
function rewrite(ids?: string[]): void {
  const list = document.getElementById("zone");
  if (list instanceof HTMLSelectElement) {
    fill([state.zone, ...zones]);
    list.value = state.zone;
  }
  const within = ids ? ids.map((id) => `#${CSS.escape(id)} time[datetime]`).join() : "time[datetime]";
  for (const element of document.querySelectorAll(within)) {
    const found = WRITTEN.exec(element.textContent ?? "");
    const ms = Date.parse(element.getAttribute("datetime")!);
    if (found === null || Number.isNaN(ms)) continue;
    const [, date, between = "", minute, second, fraction = "", utc = ""] = found;
    const clock = minute ? clockText(ms, second ? "second" : "minute") + fraction : "";
    const zone = state.zone === ZONE_FIRST ? utc : "";
    const text = (date ? clockText(ms, "day") : "") + between + clock + zone;
    write(element, text);
  }
}
