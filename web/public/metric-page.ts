/** The page of one metric: its chart, and its rows sorted and paged without loading the page again. */
import { startMetricCharts } from "./metric-charts.ts";
import { emit } from "./page-bus.ts";
import { readAgain } from "./read-again.ts";

/** Takes the rows of another order or page from the same address as a link without a program. */
async function show(address: string): Promise<void> {
  const answer = await fetch(address);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // A refusal has a page of its own.
  if (!answer.ok || !takeRows(page)) location.href = address;
}

/** False: the page has no rows, or this one. */
function takeRows(page: Document): boolean {
  const [rows, newer] = [document.getElementById("rows"), page.getElementById("rows")];
  if (rows === null || newer === null) return false;
  const focused = document.activeElement?.closest("#rows a")?.textContent?.trim();
  const { scrollLeft = 0 } = rows.querySelector(".scroll") ?? {};
  rows.replaceWith(newer);
  newer.querySelector(".scroll")?.scrollTo({ left: scrollLeft });
  const name = focused?.replace(/[▴▾]/, "").trim();
  const links = [...newer.querySelectorAll<HTMLAnchorElement>("a")];
  links.find((link) => link.textContent?.replace(/[▴▾]/, "").trim() === name)?.focus({ preventScroll: true });
  return true;
}

/** What a later run has made: rows, when they were computed, and the chart's version. */
function takeNewer(page: Document): void {
  const newer = page.getElementById("computed");
  const computed = document.getElementById("computed");
  if (newer === null || computed === null || newer.textContent === computed.textContent) return;
  takeRows(page);
  computed.replaceWith(newer);
  const [chart, drawn] = [page, document].map((one) => one.querySelector<HTMLElement>(".chart[data-metric]"));
  if (chart && drawn) drawn.dataset.version = chart.dataset.version;
  emit("parts", ["metrics"]);
}

export function startMetricPage(): void {
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest<HTMLAnchorElement>("#rows a.sort, #rows .pager a");
    if (link === null || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    void show(link.href);
  });
  addEventListener("popstate", () => void show(location.href));
  readAgain(() => location.href, takeNewer);
  startMetricCharts({ hasRange: false });
}
