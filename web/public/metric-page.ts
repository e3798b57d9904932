/** The page of one metric: its chart, and its rows sorted and paged without loading the page again. */
import { startMetricCharts } from "./metric-charts.ts";

/** Takes the rows of another order or page from the same address as a link without a program. */
async function show(address: string): Promise<void> {
  const rows = document.getElementById("rows");
  if (rows === null) return;
  const answer = await fetch(address);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const newer = page.getElementById("rows");
  // A refusal has a page of its own.
  if (!answer.ok || newer === null) {
    location.href = address;
    return;
  }
  const focused = document.activeElement?.closest("#rows a")?.textContent?.trim();
  const { scrollLeft = 0 } = rows.querySelector(".scroll") ?? {};
  rows.replaceWith(newer);
  newer.querySelector(".scroll")?.scrollTo({ left: scrollLeft });
  const name = focused?.replace(/[▴▾]/, "").trim();
  const links = [...newer.querySelectorAll<HTMLAnchorElement>("a")];
  links.find((link) => link.textContent?.replace(/[▴▾]/, "").trim() === name)?.focus({ preventScroll: true });
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
  startMetricCharts({ hasRange: false });
}
