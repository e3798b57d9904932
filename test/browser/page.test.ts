/** The page in a real browser: live, correct, safe, usable by keyboard and screen reader. */
import { expect, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { inBrowser, newContext, pause, started, text } from "../support/browser.ts";
import { EVIL, ROOT, recordedLines, sqlite, troubledLines } from "../support/data.ts";
import { freePort } from "../support/kafka.ts";
import { run, until } from "../support/process.ts";
import { served } from "../support/served.ts";

const LINES = 3_000;
const soon = (isSo: () => Promise<boolean>) => until(`${isSo}`, isSo, { every_ms: 50 });

const sql = mkdtempSync(join(tmpdir(), "tidemark-sql-"));
process.on("exit", () => rmSync(sql, { recursive: true, force: true }));
cpSync(join(ROOT, "sql/metrics"), sql, { recursive: true });

const fill = async () => served(troubledLines(LINES), sql, await freePort());

inBrowser("page", fill, (here) => {
  const { open } = here;

  test("shows what the files hold: verdict, tiles, chart, lanes, windows, every metric", async () => {
    const { page, complaints } = await open("/?product=BTC-USD");
    expect(await text(page, "#verdict")).toMatch(
      /^✓ (As of \d\d:\d\d: )?\d+ of \d+ equal to the last digit; .*0 unexplained/,
    );
    expect(await page.locator(".tile h2").allInnerTexts()).toEqual([
      expect.stringContaining("How soon?"),
      expect.stringContaining("How fresh?"),
      expect.stringContaining("How complete?"),
      expect.stringContaining("How costly?"),
      expect.stringContaining("Do they agree?"),
    ]);
    // Fewer ticks than make a cost per million.
    expect(await text(page, "#tile-costly")).not.toMatch(/\d s\b/);
    expect(await text(page, "#price-line .price")).toMatch(/^\s*[\d,]+\.\d\d$/m);
    expect(await page.locator("#lanes [data-lane]").count()).toBe(4);
    const bar = page.locator('#lanes [data-lane="stream"] progress');
    await bar.evaluate((element) => element.setAttribute("aria-label", "stream, running"));
    await soon(async () => /^stream, (at rest|stopped)$/.test((await bar.getAttribute("aria-label")) ?? ""));
    expect(await page.locator("#windows tbody tr").count()).toBeGreaterThan(5);
    expect(await page.locator("#windows .outcome.equal").count()).toBeGreaterThan(5);
    expect(await page.locator("#metrics article").count()).toBe(readdirSync(sql).length);
    await page.locator("#main-chart canvas").waitFor();
    await page.locator("#age-chart canvas").waitFor();
    expect(complaints).toEqual([]);
  });

  test("all digits of a window are shown on request, two at first", async () => {
    const { page } = await open("/?product=BTC-USD");
    const cell = page.locator("#windows tbody tr").last().locator("td.n:has(.all)").first();
    expect(await cell.innerText()).toMatch(/^[\d,]+\.\d\d$/);
    const places = () =>
      page.locator("#windows :is(th, td)").evaluateAll((all) => all.map((one) => one.getBoundingClientRect().left));
    const before = await places();
    await cell.hover();
    expect(await cell.innerText()).toMatch(/[\d,]+\.\d{3,}$/);
    expect(await places()).toEqual(before);
    await page.mouse.move(0, 0);
    await page.locator("#all-digits").focus();
    await page.keyboard.press("Space");
    expect(await cell.innerText()).toMatch(/^[\d,]+\.\d{3,}$/);
  });

  test("an explanation opens below its word, by keyboard alone", async () => {
    const { page } = await open("/?product=BTC-USD");
    await pause(page);
    const explanation = page.locator("#term-fresh");
    expect(await explanation.isVisible()).toBe(false);
    await page.locator("#tile-fresh .term").focus();
    await page.keyboard.press("Enter");
    expect(await explanation.innerText()).toContain("event time of the newest tick in the answer");
    const { violations } = await new AxeBuilder({ page }).include("#tile-fresh").analyze();
    expect(violations.map((v) => v.id)).toEqual([]);
    await page.keyboard.press("Escape");
    expect(await explanation.isVisible()).toBe(false);
    const titled = await page
      .locator("main [title]")
      .evaluateAll((all) => all.map((one) => one.outerHTML.slice(0, 90)));
    expect(titled.filter((html) => !/data-figure="price"|ribbon-cell/.test(html))).toEqual([]);
  });

  test("windows that change appear without a reload; what is open stays open, and nothing moves", async () => {
    // Both readers ended a minute ago, and figures are missing: with what comes, reasons and problems go.
    for (const file of ["windows.db", "ticks.db"])
      sqlite(here.server.data, file, "UPDATE counters SET value = value - 60000000 WHERE name = 'run_alive_us'");
    for (const table of ["measure_slices", "answer_samples"])
      sqlite(here.server.data, "windows.db", `DELETE FROM ${table}`);
    const { page, complaints } = await open("/?product=BTC-USD");
    await page.locator("#main-chart canvas").waitFor();
    expect(await text(page, "#problems b")).toBe("3 problems, 1 note");
    for (const tile of ["soon", "fresh"]) expect(await text(page, `#tile-${tile} .stream`)).toMatch(/no (tick|sample)/);
    await page.evaluate(`document.querySelector("#all-counts").open = true; window.stayed = true; window.moved = [];
      new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries())
          if (value > 0.0005) window.moved.push([value, ...sources.map(({ node }) => node?.id || node?.textContent || node?.nodeName)].join(" "));
      }).observe({ type: "layout-shift", buffered: true })`);
    await soon(async () => (await text(page, "#heard")).startsWith("updated"));
    const before = await text(page, "#windows tbody tr:first-child");
    await here.server.play(recordedLines().slice(LINES, LINES + 600));
    // Of each whole second in which it runs the stream keeps a sample: on a fast machine none.
    const sampled_us = Math.floor(Date.now() / 1_000) * 1_000_000;
    sqlite(
      here.server.data,
      "windows.db",
      `INSERT OR REPLACE INTO answer_samples (at_us, product_id, answer_us)
      VALUES (${sampled_us}, 'BTC-USD', 1693930000000000)`,
    );
    await soon(async () => (await text(page, "#windows tbody tr:first-child")) !== before);
    await soon(async () => (await text(page, "#counts")).includes("600 of 3,60"));
    for (const tile of ["soon", "fresh"])
      await soon(async () => !/no (tick|sample)/.test(await text(page, `#tile-${tile} .stream`)));
    expect(await page.evaluate("window.stayed")).toBe(true);
    expect(await page.evaluate("document.querySelector('#all-counts').open")).toBe(true);
    expect(await page.evaluate("window.moved")).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("what moves each second writes texts alone: no node is replaced, no space moves", async () => {
    const { page } = await open("/?product=BTC-USD");
    await soon(async () => (await text(page, "#heard")).startsWith("updated"));
    const replaced = await page.evaluate(`new Promise((resolve) => {
      const [replaced, texts] = [[], []];
      const observer = new MutationObserver((records) => {
        // Words that come or go entirely are no replacement.
        for (const { target, addedNodes, removedNodes } of records)
          (addedNodes.length > 0 && removedNodes.length > 0 ? replaced : texts).push(target.textContent);
        if (replaced.length + texts.length >= 6) resolve(replaced);
      });
      for (const id of ["heard", "price-line", "lanes"])
        observer.observe(document.getElementById(id), { subtree: true, childList: true, characterData: true });
    })`);
    expect(replaced).toEqual([]);
    // A space between figures moves when one of them is left out.
    const between = `[...document.querySelector("#lanes .batch .lane-words").childNodes].filter((node) => node instanceof Text).length`;
    expect(await page.evaluate(between)).toBe(0);
  });

  test("a metric's page is read again each minute: a later run's rows come, with when they were computed", async () => {
    const metric = await (await newContext(here.browser)).newPage();
    await metric.clock.install();
    await metric.goto(`${here.server.url}/metric/windows_by_minute`);
    await started(metric);
    const [rows, computed] = [await text(metric, "#rows .scope"), await text(metric, "#computed")];
    expect(await text(metric, "#heard")).toMatch(/^as of \d\d:\d\d:\d\d UTC$/);
    expect(computed).toMatch(/^Computed by run \d+ in .*, at 20\d\d-/);
    await here.server.play(recordedLines().slice(LINES + 600, LINES + 1_200));
    await metric.clock.fastForward(61_000);
    await soon(async () => (await text(metric, "#rows .scope")) !== rows);
    expect(await text(metric, "#computed")).not.toBe(computed);
  });

  test("a metric file that is added, broken, corrected and removed is seen while the page is open", async () => {
    const { page } = await open("/?product=BTC-USD");
    const file = join(sql, "biggest_hour.sql");
    const panel = page.locator("#metric-biggest_hour");
    const batch = (...one: string[]) => run("batch", ["--data", here.server.data, "--sql", sql, ...one]);
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
      const answer = await fetch(`${here.server.url}/export/metrics/${name}`);
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

  test("the server goes and comes back: the page continues without a reload", async () => {
    const { page } = await open("/?product=BTC-USD");
    await soon(async () => (await text(page, "#heard")).startsWith("updated"));
    await page.evaluate("window.stayed = true");
    await here.server.restart(() => soon(async () => (await text(page, "#heard")).startsWith("STALE")));
    await soon(async () => (await text(page, "#heard")).startsWith("updated"));
    expect(await page.evaluate("window.stayed")).toBe(true);
  });

  test("a product's name can't become markup or script", async () => {
    const { page, complaints } = await open(`/?product=${encodeURIComponent(EVIL)}`);
    let alerts = 0;
    page.on("dialog", (dialog) => {
      alerts++;
      void dialog.dismiss();
    });
    await page.locator("#main-chart canvas").waitFor();
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.locator('nav a[data-set="product"]', { hasText: EVIL }).count()).toBe(1);
    expect([alerts, complaints]).toEqual([0, []]);
  });

  for (const dark of [false, true]) {
    test(`axe finds nothing, ${dark ? "dark" : "light"}`, async () => {
      const { page } = await open("/?product=BTC-USD", { dark });
      await page.locator("#age-chart canvas").waitFor();
      await pause(page);
      await page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true");
      const { violations } = await new AxeBuilder({ page }).options({ resultTypes: ["violations"] }).analyze();
      expect(violations.map((v) => `${v.id}: ${v.nodes.map((node) => node.target).join(" ")}`)).toEqual([]);
    });
  }

  test("a wrong address is a page with a sentence and a way back; axe finds nothing", async () => {
    const { page } = await open("/?window=7m");
    expect(await text(page, "#problem")).toContain("The stream has no windows of 7m.");
    const { violations } = await new AxeBuilder({ page }).options({ resultTypes: ["violations"] }).analyze();
    expect(violations.map((v) => v.id)).toEqual([]);
    await page.locator("a", { hasText: "Back to the page" }).click();
    await page.locator("#verdict").waitFor();
  });

  test("HTML of another size that is older than the newest run: its page has the run, and asks for the chart once", async () => {
    const { page } = await open("/?product=BTC-USD&window=1m");
    await page.locator("#main-chart canvas").waitFor();
    const older = await (await fetch(`${here.server.url}/?product=BTC-USD&window=5m`)).text();
    await here.server.play(recordedLines().slice(LINES + 1_200, LINES + 1_400));
    const isChosen = ({ pathname, searchParams }: URL) => pathname === "/" && searchParams.get("window") === "5m";
    await page.route(isChosen, (route) => route.fulfill({ contentType: "text/html", body: older }));
    const charts: string[] = [];
    page.on("request", (request) => void (request.url().includes("/api/chart?") && charts.push(request.url())));
    await page.locator('nav a[data-set="window"][data-value="5m"]').click();
    // The page of 1m may have the run already: it is waited for in the page that was chosen.
    await page.locator("#main:not([aria-busy])").waitFor();
    await soon(async () => charts.length > 0);
    const run = Number(/Run (\d+)/.exec(older)![1]) + 1;
    await soon(async () => (await text(page, "#batch-runs")).includes(`Run ${run}`));
    await soon(async () => (await page.locator(".horizon-label").textContent())!.includes(`run ${run}`));
    expect(charts).toEqual([expect.stringContaining("window=5m&range=1h")]);
  });
});
