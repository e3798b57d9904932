/** The page in a real browser: live, correct, safe, usable by keyboard and screen reader. */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, Page } from "playwright-core";
import { browserHere, launch, openPage } from "../support/browser.ts";
import { EVIL, ROOT, recordedLines, runPath, troubledLines } from "../support/data.ts";
import { run, until } from "../support/process.ts";
import { type Served, served } from "../support/served.ts";

/** A browser on two busy cores is slow; bun kills it with a test that times out. */
setDefaultTimeout(45_000);

const LINES = 3_000;
/** A wait inside the page would need eval, which its policy forbids. */
const soon = (isSo: () => Promise<boolean>) => until(`${isSo}`, isSo, { every_ms: 50 });

let browser: Browser;
let server: Served;
const sql = mkdtempSync(join(tmpdir(), "tidemark-sql-"));

describe.skipIf(!browserHere)(browserHere ? "page" : "page, skipped: no Chromium (apt install chromium)", () => {
  beforeAll(async () => {
    cpSync(join(ROOT, "sql/metrics"), sql, { recursive: true });
    browser = await launch();
    server = await served(troubledLines(LINES), sql);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
    rmSync(sql, { recursive: true, force: true });
  });

  // A page that stays open draws each update of the tests after its own.
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });

  const open = (path = "/", options = {}) => openPage(browser, server.url + path, options);
  const text = (page: Page, selector: string) => page.locator(selector).innerText();

  test("shows what the files hold: verdict, both sides, ten windows, every metric", async () => {
    const { page, complaints } = await open("/?product=BTC-USD");
    expect(await text(page, "#verdict")).toContain("agree to the last digit");
    expect(await text(page, "#batch-card")).toContain("3 001".replace(" ", "\u202f"));
    expect(await page.locator("#windows tbody tr").count()).toBe(10);
    expect(await page.locator("#windows .mark.equal").count()).toBeGreaterThan(5);
    expect(await page.locator("#metrics article").count()).toBe(readdirSync(sql).length);
    await page.locator("#chart-price canvas").waitFor();
    await page.locator("#chart-times canvas").waitFor();
    expect(await text(page, "#summary-trades")).toContain("3,000 trades");
    expect(complaints).toEqual([]);
  });

  test("windows that change appear without a reload; what is open stays open", async () => {
    const { page, complaints } = await open("/?product=BTC-USD");
    await page.locator("#chart-price canvas").waitFor();
    await page.evaluate("document.querySelector('#metrics details').open = true; window.stayed = true");
    const before = await text(page, "#windows tbody tr:first-child");
    await runPath(server.data, recordedLines().slice(LINES, LINES + 600), sql);
    await soon(async () => (await text(page, "#windows tbody tr:first-child")) !== before);
    await soon(async () => (await text(page, "#batch-card")).includes("3\u202f601"));
    expect(await page.evaluate("window.stayed")).toBe(true);
    expect(await page.evaluate("document.querySelector('#metrics details').open")).toBe(true);
    expect(complaints).toEqual([]);
  });

  test("a zoom survives updates, a double click ends it", async () => {
    const { page } = await open("/?product=BTC-USD");
    const over = page.locator("#chart-price .u-over");
    await over.waitFor();
    // The stages don't run here, so the list of problems pushes the charts down.
    await over.scrollIntoViewIfNeeded();
    const box = (await over.boundingBox())!;
    await page.mouse.move(box.x + 60, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + 200, box.y + 60, { steps: 5 });
    await page.mouse.up();
    const shown = () => page.evaluate("window.tidemarkCharts.range('price')") as Promise<[number, number]>;
    const zoomed = await shown();
    await runPath(server.data, recordedLines().slice(LINES + 600, LINES + 700), sql);
    await soon(async () => (await text(page, "#batch-card")).includes("3\u202f701"));
    expect(await shown()).toEqual(zoomed);
    await over.dblclick();
    const [from, to] = await shown();
    expect(to - from).toBeGreaterThan(zoomed[1] - zoomed[0]);
  });

  test("a metric file that is added, broken, corrected and removed is seen while the page is open", async () => {
    const { page } = await open("/?product=BTC-USD");
    const file = join(sql, "biggest_hour.sql");
    const panel = page.locator("#metric-biggest_hour");
    const batch = (...one: string[]) => run("batch", ["--data", server.data, "--sql", sql, ...one]);
    const only = ["--metric", "biggest_hour"];
    writeFileSync(
      file,
      "-- title: Biggest hour\nSELECT date_trunc('hour', time) AS hour, sum(last_size) AS volume FROM ticks GROUP BY 1 ORDER BY 1\n",
    );
    await batch(...only);
    await panel.waitFor();
    expect(await panel.locator("tbody tr").count()).toBe(1);
    writeFileSync(file, "-- title: Biggest hour\nSELECT nonsense\nFROM ticks\n");
    await batch(...only);
    await panel.locator(".error").waitFor();
    expect(await panel.innerText()).toContain('Referenced column "nonsense" not found');
    expect(await panel.innerText()).toContain("the last result that worked");
    expect(await panel.locator("tbody tr").count()).toBe(1);
    const exported = async (name: string) => {
      const answer = await fetch(`${server.url}/export/metrics/${name}`);
      return [answer.status, await answer.text()];
    };
    expect(await exported("biggest_hour.csv")).toEqual([200, expect.stringMatching(/^hour,volume\n2023-09-05T16/)]);
    expect(await exported("biggest_hour.parquet")).toEqual([404, expect.stringContaining("The CSV has the last rows")]);
    const never = join(sql, "never.sql");
    writeFileSync(never, "-- chart: pie\nSELECT 1 AS a");
    await batch("--metric", "never");
    const broken = page.locator("#metric-never");
    await broken.locator(".error").waitFor();
    expect(await broken.innerText()).not.toContain("the last result that worked");
    expect(await broken.locator("pre.sql").textContent()).toContain("-- chart: pie");
    expect(await exported("never.csv")).toEqual([404, expect.stringContaining("is not a chart type")]);
    rmSync(never);
    writeFileSync(file, "-- title: Biggest hour\n-- chart: number y=n\nSELECT count(*) AS n FROM ticks\n");
    await batch(...only);
    await panel.locator(".number").waitFor();
    expect(await panel.locator(".error").count()).toBe(0);
    rmSync(file);
    await batch();
    await panel.waitFor({ state: "detached" });
  });

  test("a metric's chart draws its bars, the newest times, and lists what it leaves out", async () => {
    const file = join(sql, "bars.sql");
    const rows = `SELECT TIMESTAMP '2023-09-05' + INTERVAL (i) MINUTE AS minute, 5 + i % 3 AS n FROM range(800) AS r(i)`;
    const { page } = await open("/?product=BTC-USD");
    const filled = () =>
      page.evaluate(`(() => {
        const { width, height } = document.querySelector("#chart-bars canvas");
        const { data } = document.querySelector("#chart-bars canvas").getContext("2d").getImageData(0, 0, width, height);
        let count = 0;
        for (let i = 3; i < data.length; i += 4) if (data[i] > 200) count++;
        return count / (width * height);
      })()`) as Promise<number>;
    const drawn = async (header: string, query: string) => {
      writeFileSync(file, `-- chart: ${header}\n${query} ORDER BY minute`);
      await run("batch", ["--data", server.data, "--sql", sql, "--metric", "bars"]);
      await page.locator(`#metric-bars details pre:has-text("${header}")`).waitFor({ state: "attached" });
      await page.locator("#metric-bars").scrollIntoViewIfNeeded();
      await page.locator("#chart-bars canvas").waitFor();
    };
    await drawn("bar x=Minute y=n", rows);
    await page.locator("#chart-bars .more").waitFor();
    expect(await text(page, "#chart-bars .more")).toBe("the newest 720 of 800 rows");
    await soon(async () => (await filled()) > 0.4);
    await drawn("line x=minute y=n", `${rows} WHERE i < 10`);
    await soon(async () => (await filled()) < 0.2);
    rmSync(file);
    await run("batch", ["--data", server.data, "--sql", sql]);
  });

  test("the server goes and comes back: the page shows it, and continues without a reload", async () => {
    const { page } = await open("/?product=BTC-USD");
    await page.locator("#chart-price canvas").waitFor();
    await page.evaluate("window.stayed = true");
    const banner = page.locator("#connection");
    const gone = banner.waitFor({ state: "visible" });
    await server.restart(1_500);
    await gone;
    await banner.waitFor({ state: "hidden", timeout: 12_000 });
    expect(await page.evaluate("window.stayed")).toBe(true);
  });

  test("a product's name can't become markup or script", async () => {
    const { page, complaints } = await open(`/?product=${encodeURIComponent(EVIL)}`);
    let alerts = 0;
    page.on("dialog", (dialog) => {
      alerts++;
      void dialog.dismiss();
    });
    await page.locator("#chart-price canvas").waitFor();
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.locator("nav a", { hasText: EVIL }).count()).toBe(1);
    expect([alerts, complaints]).toEqual([0, []]);
  });

  for (const dark of [false, true]) {
    test(`axe finds nothing, ${dark ? "dark" : "light"}`, async () => {
      const { page } = await open("/?product=BTC-USD", { dark });
      await page.locator("#chart-times canvas").waitFor();
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map((v) => `${v.id}: ${v.nodes.map((node) => node.target).join(" ")}`)).toEqual([]);
    });
  }

  test("a wrong address is a page with a sentence and a way back; axe finds nothing", async () => {
    const { page } = await open("/?window=7m");
    expect(await text(page, "#problem")).toContain("The stream has no windows of 7m.");
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map((v) => v.id)).toEqual([]);
    await page.locator("a", { hasText: "Back to the page" }).click();
    await page.locator("#verdict").waitFor();
  });

  test("on a phone nothing is wider than the screen; t changes the theme", async () => {
    const { page } = await open("/?product=BTC-USD", { width: 390 });
    await page.locator("#chart-price canvas").waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    const measures = page.locator("#words .scroll");
    expect(await measures.evaluate((box) => box.scrollWidth - box.clientWidth)).toBe(0);
    const spans = await page
      .locator("#words tbody", { hasText: /^pipeline latency/ })
      .locator("th")
      .allInnerTexts();
    expect(spans.slice(1)).toEqual(["last 5 minutes", "since start"]);
    const theme = () => page.evaluate("document.documentElement.dataset.theme");
    expect(await theme()).toBe("system");
    await page.keyboard.press("t");
    expect(await theme()).toBe("light");
    await page.reload();
    expect(await theme()).toBe("light");
  });
});
