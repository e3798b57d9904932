/** Every DuckDB type as x and y of every kind of chart, drawn in a real browser on the metric's page. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { browserHere, launch, openPage } from "../support/browser.ts";
import { recordedLines, tempDir } from "../support/data.ts";
import { type Served, served } from "../support/served.ts";
import { VALUES } from "../support/type-values.ts";

setDefaultTimeout(600_000);

/** Charts with the value as x, and as what is drawn. */
const AS_X = ["line x=v y=n", "bar x=v y=n"];
const AS_Y = ["line x=n y=v", "bar x=n y=v,n", "candle x=n open=v high=v low=v close=v volume=v"];

let browser: Browser;
let server: Served;
const sql = tempDir();

describe.skipIf(!browserHere)(browserHere ? "types in charts" : "types in charts, skipped: no Chromium", () => {
  beforeAll(async () => {
    for (const [i, [value]] of VALUES.entries())
      for (const [j, chart] of [...AS_X, ...AS_Y].entries())
        writeFileSync(
          join(sql.path, `t${i}_${j}.sql`),
          `-- chart: ${chart}\nSELECT ${value} AS v, i AS n FROM range(3) AS r(i)`,
        );
    browser = await launch();
    // Charts of what is not a number fail: that is the expected refusal.
    server = await served(recordedLines().slice(0, 100), sql.path);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
    sql[Symbol.dispose]();
  });

  test("each is drawn, or states below it what is left out, or is refused by its type", async () => {
    const { page, complaints } = await openPage(browser, `${server.url}/metric/t0_0`);
    for (const [i, [value]] of VALUES.entries()) {
      for (const j of [...AS_X, ...AS_Y].keys()) {
        const name = `t${i}_${j}`;
        const { columns, error } = await (await fetch(`${server.url}/api/metrics/${name}`)).json();
        if (error !== null) {
          expect([value, j >= AS_X.length, error]).toEqual([value, true, expect.stringContaining("needs a number")]);
          continue;
        }
        expect([value, columns.length]).toEqual([value, 2]);
        await page.goto(`${server.url}/metric/${name}`);
        await page.locator(".chart canvas, .chart > .more").first().waitFor();
        const said = await page.locator(".chart > .more").allInnerTexts();
        expect([value, j, said.filter((text) => text.includes("can't be drawn"))]).toEqual([value, j, []]);
      }
    }
    expect(complaints).toEqual([]);
  });
});
