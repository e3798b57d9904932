/** The header's choices: product, window size, span of time. */
import { RANGE_FIRST, RANGES, type RangeName } from "../../scripts/contract/page-address.ts";
import { addressOf, nameOf, setState, state } from "./address.ts";
import { on, type PageState } from "./page-bus.ts";

/** Elements of the header that choose; a link has its value in its data, a list has values. */
const LINKS = "a[data-set]";
const LISTS = "select[data-set]";

export function startChoices(): void {
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest<HTMLAnchorElement>(LINKS);
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    setState(changeOf(link.dataset));
  });
  document.addEventListener("change", (event) => {
    const { target } = event;
    if (target instanceof HTMLSelectElement && target.matches(LISTS))
      setState(changeOf({ set: target.dataset.set, value: target.value }));
  });
  on("state", show);
  on("parts", (ids) => {
    if (ids.includes("top")) show(state);
  });
  show(state);
}

/** Chooses a range by its number from 1 on. */
export function chooseRange(number: number): void {
  const name = (Object.keys(RANGES) as RangeName[])[number - 1];
  if (name) setState(changeOf({ set: "range", value: name }));
}

function changeOf({ set, value = "" }: DOMStringMap): Partial<PageState> {
  if (set === "range") return { range: { span_ms: RANGES[value as RangeName] ?? RANGES[RANGE_FIRST], to_ms: null } };
  return { [set as "product" | "window"]: value };
}

/** The addresses of links follow the state: a link that is copied has all of it. */
function show(present: PageState): void {
  const chosen = (set = "") => (set === "range" ? (nameOf(present.range) ?? "") : present[set as "product" | "window"]);
  for (const link of document.querySelectorAll<HTMLAnchorElement>(LINKS)) {
    const { set, value } = link.dataset;
    link.setAttribute("href", addressOf({ ...present, ...changeOf(link.dataset) }));
    if (value === chosen(set)) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  for (const list of document.querySelectorAll<HTMLSelectElement>(LISTS)) list.value = chosen(list.dataset.set);
}
