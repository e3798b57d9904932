/** The tab's title: price and verdict; a changed verdict is announced to screen readers. */
import type { TitleEvent } from "../../scripts/contract/page-events.ts";
import { state } from "./address.ts";
import { shortPrice } from "./figure-words.ts";
import { on } from "./page-bus.ts";

let last: Pick<TitleEvent, "price" | "verdict" | "is_alarm"> | null = null;
let shown = state.product;
let isStale = false;
let announced: string | null = null;

export function startTitle(): void {
  const take = (event: TitleEvent) => {
    last = event;
    announce(event);
    show();
  };
  on("status", take);
  on("title", take);
  on("stale", (ms) => {
    isStale = ms !== null;
    show();
  });
  on("state", ({ product }) => {
    if (product !== shown) last = announced = null;
    shown = product;
    show();
  });
  show();
}

function show(): void {
  const words = [last?.price ? shortPrice(last.price) : null, state.product, last?.verdict, "Tidemark"];
  const sign = state.paused ? "❚❚ " : isStale ? "STALE · " : last?.is_alarm ? "≠ " : "";
  const title = sign + words.filter(Boolean).join(" · ");
  if (document.title !== title) document.title = title;
}

/** A screen reader hears the outcome, not each number: whether all is equal, explained or not. */
function announce({ verdict, is_alarm }: Pick<TitleEvent, "verdict" | "is_alarm">): void {
  const [, equal, all] = /^([\d,]+) of ([\d,]+)/.exec(verdict) ?? [];
  const outcome = is_alarm ? "alarm" : equal === undefined ? verdict : equal === all ? "equal" : "explained";
  const before = announced;
  announced = outcome;
  const element = document.getElementById("announcer");
  if (before === null || before === outcome || element === null) return;
  const meaning = { alarm: "a difference has no explanation", equal: "all windows are equal", explained: "" }[outcome];
  element.textContent = `The verdict has changed: ${verdict}${meaning ? `, ${meaning}` : ""}.`;
}
