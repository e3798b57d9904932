/** The main chart as a browser's test reads it, and answers of /api/chart that a test writes. */
import type { Page } from "playwright-core";
import type { Bar, Cell, ChartAnswer, StreamBar } from "../../scripts/contract/page-events.ts";

/** Until windows are drawn. */
export const drawn = (page: Page) => page.locator("#main-chart .ribbon-cell[href]").waitFor({ state: "attached" });
export const readout = async (page: Page) => {
  const [labels, values] = await Promise.all(
    ["dt", "dd"].map((tag) => page.locator(`#main-chart .chart-readout ${tag}`).allInnerTexts()),
  );
  return Object.fromEntries(labels!.map((label, i) => [label, values![i]!]));
};
export const rowsOf = async (page: Page) => {
  const table = page.locator("#main-chart .chart-table");
  if (await table.isHidden()) await page.getByRole("button", { name: /Prices and volumes.*table/ }).click();
  return table
    .locator("tbody tr")
    .evaluateAll((rows) => rows.map((row) => [...row.children].map((c) => c.textContent)));
};
const plot = (page: Page) => page.locator("#main-chart .u-over");
export const boxOf = async (page: Page) => (await plot(page).boundingBox())!;
export const search = (page: Page) => new URL(page.url()).searchParams;
/** How many pixels of the chart have a colour of the style sheet. */
export const painted = (page: Page, name: string) =>
  page.evaluate((property) => {
    const canvas = document.querySelector<HTMLCanvasElement>("#main-chart canvas")!;
    const probe = document.body.appendChild(document.createElement("span"));
    probe.style.color = `var(${property})`;
    const colour = getComputedStyle(probe).color.match(/\d+/g)!.slice(0, 3).map(Number);
    probe.remove();
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) if (colour.every((part, j) => data[i + j] === part)) count++;
    return count;
  }, name);

export const AT = Date.parse("2023-09-05T16:00:00Z") / 1000;
export const bar = (minute: number): Bar => [AT + minute * 60, 100, 110 + (minute % 5), 90, 105, 3, 7, 101];
export const streamBar = (minute: number): StreamBar => [...bar(minute), 1, 0];
export const EMPTY: ChartAnswer = {
  product: "BTC-USD",
  window: "1m",
  size_s: 60,
  every_s: 60,
  from_s: AT,
  to_s: AT + 60,
  is_cut: false,
  stream: [],
  batch: [],
  cells: [] as Cell[],
  outages: [],
  runs: [],
  run_id: 0,
  horizon_s: null,
  first_s: null,
  older_before_s: null,
  id: "",
};

/** The page again, with this answer in place of the server's. */
export async function answerWith(page: Page, answer: Partial<ChartAnswer>): Promise<void> {
  await page.route("**/api/chart?**", (route) => route.fulfill({ json: { ...EMPTY, ...answer } }));
  await page.goto(`${new URL(page.url()).origin}/?product=BTC-USD&window=1m`);
  await page.locator("#main-chart .ribbon-cell[href]").waitFor({ state: "attached" });
}
