/** How long ago the server was heard of: in the header, and when it is too long everywhere. */
import { state } from "./address.ts";
import { emit, on } from "./page-bus.ts";
import { eachTick } from "./ticker.ts";
import { write } from "./write.ts";

/** A visible page gets a status each second, a hidden one a title each ten. */
const STALE_MS = 3_000;
const HIDDEN_STALE_MS = 25_000;

let heard_ms = performance.now();
let stale_s: number | null = null;

export function startStale(): void {
  on("status", heard);
  on("title", heard);
  on("heard", heard);
  // What a hidden page has missed is on its way.
  document.addEventListener("visibilitychange", () => {
    if (stale_s === null) heard_ms = performance.now();
    show();
  });
  on("state", show);
  eachTick(show, { always: true });
}

function heard(): void {
  heard_ms = performance.now();
  show();
}

function show(): void {
  if (state.paused) {
    setStale(null);
    write(document.getElementById("heard"), "paused");
    heard_ms = performance.now();
    return;
  }
  const isHidden = document.visibilityState === "hidden";
  const age_ms = performance.now() - heard_ms;
  const isStale = age_ms > (isHidden ? HIDDEN_STALE_MS : STALE_MS);
  setStale(isStale ? Math.floor(age_ms / 1_000) : null);
  if (isStale) write(document.getElementById("heard"), `STALE · last heard ${since(age_ms)} ago`);
  else if (!isHidden) write(document.getElementById("heard"), `updated ${(age_ms / 1_000).toFixed(1)} s ago`);
}

/** The root's data make every number grey (header.css). */
function setStale(seconds: number | null): void {
  if (seconds === stale_s) return;
  if ((seconds === null) !== (stale_s === null)) {
    document.documentElement.toggleAttribute("data-stale", seconds !== null);
    useIcon(seconds !== null);
  }
  stale_s = seconds;
  emit("stale", seconds === null ? null : seconds * 1_000);
}

/** Browsers show another icon when the element is another one. */
function useIcon(isStale: boolean): void {
  const icon = document.getElementById("icon") as HTMLLinkElement | null;
  if (icon === null) return;
  const next = icon.cloneNode() as HTMLLinkElement;
  next.href = icon.dataset.href ?? icon.href;
  next.dataset.href = icon.href;
  if ((document.documentElement.dataset.icon === "stale") === isStale) return;
  document.documentElement.dataset.icon = isStale ? "stale" : "fresh";
  icon.replaceWith(next);
}

/** Whole seconds, then minutes. */
function since(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
}
