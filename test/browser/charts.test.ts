/** The page's charts of extreme values and all time types, in a real browser. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { browserHere, launch, openPage, TEST_MS_MAX } from "../support/browser.ts";
import { recordedLines, tempDir } from "../support/data.ts";
import { type Served, served } from "../support/served.ts";

setDefaultTimeout(TEST_MS_MAX);

const minutes = (y: string, x = "TIMESTAMP '2023-09-05' + INTERVAL (i) MINUTE", type = "line") =>
  `-- chart: ${type} x=x y=v\nSELECT ${x} AS x, ${y} AS v FROM range(40) AS r(i)`;
/** Metrics by name, with the note below the chart (null: none). */
const CHARTS: Record<string, [sql: string, note: string | null]> = {
  infinity: [
    minutes("CASE WHEN i = 3 THEN 1 / 0.0 WHEN i = 5 THEN 'nan'::DOUBLE ELSE i END"),
    "2 values are not finite: gaps",
  ],
  enormous: [minutes("CASE WHEN i = 3 THEN 1e308 ELSE i END"), "1 value is not finite: a gap"],
  large: [minutes("1e300 * i"), null],
  noise: [minutes("CASE WHEN i % 2 = 0 THEN 0.9999999999999999 ELSE 1.0000000000000002 END::DOUBLE"), null],
  high: [minutes("100000000000000 + 0 * i"), null],
  zero: [minutes("0 * i"), null],
  below: [minutes("-1 - i", "'n' || i", "bar"), null],
  second: [minutes("i", "(TIMESTAMP '2023-09-05' + INTERVAL (i) MINUTE)::TIMESTAMP_S"), null],
  millisecond: [minutes("i", "(TIMESTAMP '2023-09-05' + INTERVAL (i) MINUTE)::TIMESTAMP_MS"), null],
  nanosecond: [minutes("i", "(TIMESTAMP '2023-09-05' + INTERVAL (i) MINUTE)::TIMESTAMP_NS"), null],
  zoned: [minutes("i", "(TIMESTAMP '2023-09-05' + INTERVAL (i) MINUTE)::TIMESTAMPTZ"), null],
  days: [minutes("i", "DATE '2023-09-05' + i::INTEGER"), null],
  total: [
    minutes("i", "CASE WHEN i < 39 THEN TIMESTAMP '2023-09-05' + INTERVAL (i) MINUTE END"),
    "1 row without x left out",
  ],
  never: [
    minutes("i", "CASE WHEN i < 38 THEN DATE '2023-09-05' + i::INTEGER ELSE 'infinity' END"),
    "2 rows without x left out",
  ],
  alternating: [
    `-- chart: line x=x y=v series=s\nSELECT TIMESTAMP '2023-09-05' + INTERVAL (i) MINUTE AS x, i AS v, i % 2 AS s FROM range(100) AS r(i)`,
    null,
  ],
  lonely: [minutes("CASE WHEN i % 2 = 0 THEN i END"), null],
  far: [
    minutes("i", "CASE WHEN i = 1 THEN TIMESTAMP '20000-01-01' ELSE TIMESTAMP '2023-09-05' + INTERVAL (i) MINUTE END"),
    "1 row with x outside of the years 1 to 9999 left out",
  ],
  micro: [minutes("i", "TIMESTAMP '2023-09-05' + INTERVAL (i) MICROSECOND"), null],
  same: [
    `-- chart: line x=x y=v series=v\nSELECT TIMESTAMP '2023-09-05 16:00:00' AS x, i AS v FROM range(5) AS r(i)`,
    null,
  ],
  clock: [minutes("i", "TIME '00:00:00' + INTERVAL (i) MINUTE"), null],
  zoned_clock: [minutes("i", "('00:' || lpad(i::VARCHAR, 2, '0') || ':00+05:30')::TIMETZ"), null],
  huge: [minutes("170141183460469231731687303715884105727::HUGEINT - i"), null],
  tiny: [minutes("i * 5e-324"), null],
  nothing: [minutes("i", "NULL::TIMESTAMP"), "40 rows without x left out"],
  candles: [
    "-- chart: candle x=x open=o high=h low=l close=c volume=v series=s\nSELECT TIMESTAMP '2023-09-05' + INTERVAL (i) MINUTE AS x, i AS o, i + 3 AS h, i - 1 AS l, i + i % 3 - 1 AS c, i AS v, s FROM range(40) AS r(i), (VALUES ('A'), ('B')) AS t(s)",
    "candles of A; 1 other s not drawn",
  ],
  names: [
    "-- chart: bar x=x y=v\nSELECT 'a category with quite a long name, number ' || i AS x, i AS v FROM range(300) t(i)",
    null,
  ],
};
const OTHERS: Record<string, string> = {
  nines: "-- chart: number y=v\nSELECT repeat('9', 170000) AS v",
  written: "-- chart: number y=v\nSELECT '12.277.106' AS v",
  cell: "SELECT repeat('x', 170000) AS v, list(i) AS w FROM range(30000) AS r(i)",
  twenty_thousand: "SELECT i FROM range(20000) AS r(i)",
  spaced: `SELECT 1 AS a ${" ".repeat(150_000)}`,
  [`long_${"n".repeat(80)}`]: "SELECT 1 AS a",
};

let browser: Browser;
let server: Served;
let page: Page;
let complaints: string[];
const sql = tempDir();

describe.skipIf(!browserHere)(browserHere ? "charts" : "charts, skipped: no Chromium (apt install chromium)", () => {
  beforeAll(async () => {
    const all = { ...Object.fromEntries(Object.entries(CHARTS).map(([name, [text]]) => [name, text])), ...OTHERS };
    for (const [name, text] of Object.entries(all)) writeFileSync(join(sql.path, `${name}.sql`), text);
    browser = await launch();
    server = await served(recordedLines().slice(0, 500), sql.path);
    ({ page, complaints } = await openPage(browser, `${server.url}/?product=BTC-USD`));
  }, TEST_MS_MAX);
  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
    rmSync(sql.path, { recursive: true, force: true });
  });

  /** Places of a chart's canvas in the colour of its first line, not of its axes. */
  const painted = (name: string) =>
    page.evaluate(`(() => {
      const canvas = document.querySelector("#chart-${name} canvas");
      const probe = document.body.appendChild(document.createElement("span"));
      probe.style.color = "var(--batch)";
      const colour = getComputedStyle(probe).color.match(/\\d+/g).slice(0, 3).map(Number);
      probe.remove();
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      for (let i = 0; i < data.length; i += 4) if (colour.every((part, j) => Math.abs(data[i + j] - part) < 8)) count++;
      return count;
    })()`) as Promise<number>;

  test("each chart is drawn, or has the reason why not, and counts what it leaves out", async () => {
    for (const [name, [, note]] of Object.entries(CHARTS)) {
      await page.locator(`#metric-${name}`).scrollIntoViewIfNeeded();
      if (note !== null) await page.locator(`#chart-${name} .more`).waitFor();
      if (name !== "nothing") {
        await page.locator(`#chart-${name} canvas`).waitFor();
        expect([name, (await painted(name)) >= 4]).toEqual([name, true]);
      }
      const said = await page.locator(`#chart-${name} .more`).allInnerTexts();
      expect([name, said]).toEqual([name, note === null ? [] : [note]]);
    }
    expect(complaints).toEqual([]);
    if (process.env.TIDEMARK_SCREENSHOT)
      await page.screenshot({ path: process.env.TIDEMARK_SCREENSHOT, fullPage: true });
  });

  test("a number chart shows text as text; a long cell is cut; long names and statements are exported, whole", async () => {
    expect(await page.locator("#metric-written .number").innerText()).toBe("12.277.106");
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(1280);
    const link = page.locator("#metric-cell tbody td a").first();
    expect(await link.getAttribute("href")).toBe("/export/metrics/cell.csv");
    const cells = await page.locator("#metric-cell tbody td").allInnerTexts();
    expect(cells.map((cell) => [cell.length < 400, cell.includes("whole in the CSV")])).toEqual([
      [true, true],
      [true, true],
    ]);
    const csv = async (name: string, ending = "csv") => {
      const answer = await fetch(`${server.url}/export/metrics/${name}.${ending}`);
      return [answer.status, (await answer.text()).split("\n").length] as const;
    };
    expect(await csv("twenty_thousand")).toEqual([200, 20_002]);
    expect(await csv(`long_${"n".repeat(80)}`)).toEqual([200, 3]);
    expect((await csv("spaced", "parquet"))[0]).toBe(200);
  });

  test("a parameter that is given twice and a day that doesn't exist are refused", async () => {
    for (const query of ["limit=5&limit=7", "from=2023-02-31", "from=2023-02-30T10:00:00Z", "to=2023-06-31"])
      expect([query, (await fetch(`${server.url}/api/windows?${query}`)).status]).toEqual([query, 400]);
    expect((await fetch(`${server.url}/api/windows?from=2024-02-29T23:30:00-05:00`)).status).toBe(200);
  });
});
