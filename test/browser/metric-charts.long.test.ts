/** Metrics on an open page, in a real browser: nothing leaks, zoom stays, nothing moves or is cut. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import type { Browser, Page } from "playwright-core";
import {
  browserHere,
  framesOf,
  isLive,
  launch,
  newContext,
  openPage,
  pause,
  soon,
  started,
  TEST_MS_MAX,
} from "../support/browser.ts";
import { recordedLines, tempDir } from "../support/data.ts";
import { until } from "../support/process.ts";
import { type Served, served } from "../support/served.ts";

setDefaultTimeout(TEST_MS_MAX);

const start = (i: string) => `TIMESTAMP '2023-09-05 04:00:00' + INTERVAL (${i}) MINUTE`;
const METRICS: Record<string, string> = {
  flat: `-- chart: line x=x y=v\n-- group: First\n-- order: 1\nSELECT ${start("i")} AS x, 25740.55::DECIMAL(18,2) AS v FROM range(60) AS r(i)`,
  pairs: `-- chart: bar x=x y=a,b\n-- group: First\n-- order: 2\nSELECT ${start("i")} AS x, 100 + i % 40 AS a, 130 - i % 40 AS b FROM range(720) AS r(i)`,
  wide: `-- group: First\n-- order: 3\nSELECT i AS first, ${Array.from({ length: 30 }, (_, c) => `i * ${c}.123456 AS column_${c}`).join(", ")} FROM range(500) AS r(i)`,
};

let browser: Browser;
let server: Served;
let page: Page;
let complaints: string[];
const sql = tempDir();

/** A leak would be eight listeners per batch. */
const BATCHES = 40;

/** As a batch leaves it: the metric's rows with another last one. */
function rerun(name: string, change: (rows: Record<string, unknown>[]) => void): void {
  const db = new Database(join(server.data, "results.db"));
  const { rows } = db.query<{ rows: string }, [string]>("SELECT rows FROM results WHERE metric = ?").get(name)!;
  const parsed = JSON.parse(rows);
  change(parsed);
  db.transaction(() => {
    db.query("UPDATE results SET rows = ? WHERE metric = ?").run(JSON.stringify(parsed), name);
    db.exec(RUN);
  })();
  db.close();
}

/** Another run that is done, as the last one. */
const RUN = `INSERT INTO runs (state, pid, started_us, ended_us, seconds, collect_ms, answer_ms)
  SELECT state, pid, started_us, ended_us, seconds, collect_ms, answer_ms FROM runs ORDER BY run_id DESC LIMIT 1`;

/** In the page: counts the answers that it has taken, by path, once it has drawn them. */
function countAnswers(): void {
  const taken: Record<string, number> = {};
  Object.assign(window, { taken });
  const { json } = Response.prototype;
  Response.prototype.json = async function () {
    const body = await json.call(this);
    const { pathname } = new URL(this.url);
    setTimeout(() => {
      taken[pathname] = (taken[pathname] ?? 0) + 1;
    });
    return body;
  };
}

/** A batch after which the page has drawn the metric again. */
async function redrawn(name: string, change: (rows: Record<string, unknown>[]) => void): Promise<void> {
  const taken = () => page.evaluate<number>(`window.taken["/api/metrics/${name}"] ?? 0`);
  const before = await taken();
  rerun(name, change);
  await soon(`rows of ${name}`, async () => (await taken()) > before);
  await framesOf(page);
}

const canvas = (name: string) =>
  page.evaluate(`document.querySelector("#chart-${name} canvas").toDataURL()`) as Promise<string>;
const place = (selector: string) =>
  page.evaluate(`(() => { const { left, top, width, height } = document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect();
    return { left, top: top + scrollY, width, height }; })()`) as Promise<{
    left: number;
    top: number;
    width: number;
    height: number;
  }>;

/** Complaints of the page; reading a canvas back is the test's own. */
const faults = () => complaints.filter((text) => !/^Canvas2D:|status of 500/.test(text));

async function counters(): Promise<{ listeners: number; nodes: number }> {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { jsEventListeners, nodes } = await session.send("Memory.getDOMCounters");
  await session.detach();
  // Measures gain figures as time passes.
  const ofMeasures = (await page.evaluate(`[...document.querySelectorAll('[id^="measures-"], [id^="measures-"] *')]
    .reduce((sum, { childNodes }) => sum + childNodes.length, 0)`)) as number;
  return { listeners: jsEventListeners, nodes: nodes - ofMeasures };
}

describe.skipIf(!browserHere)(browserHere ? "metrics in a browser" : "metrics, skipped: no Chromium", () => {
  beforeAll(async () => {
    for (const [name, text] of Object.entries(METRICS)) writeFileSync(join(sql.path, `${name}.sql`), text);
    browser = await launch();
    server = await served(recordedLines().slice(0, 500), sql.path);
    ({ page, complaints } = await openPage(browser, "about:blank"));
    await page.addInitScript(countAnswers);
    await page.goto(`${server.url}/?product=BTC-USD&range=all`);
    await started(page);
    await page.locator("#metric-flat").scrollIntoViewIfNeeded();
    for (const name of ["flat", "pairs"]) await page.locator(`#chart-${name} canvas`).waitFor();
  }, TEST_MS_MAX);
  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
    sql[Symbol.dispose]();
  });

  test("pointing at a chart reads its values and moves nothing; labels of its axis are whole", async () => {
    // A part of the page above it may become higher.
    await pause(page);
    const before = [await place("#metric-flat"), await place("#metric-pairs"), await place("#chart-flat canvas")];
    await page.locator("#chart-flat .u-over").hover();
    await page.locator("#chart-flat .chart-readout dd", { hasText: "25,740.55" }).waitFor();
    expect([await place("#metric-flat"), await place("#metric-pairs"), await place("#chart-flat canvas")]).toEqual(
      before,
    );
    await page.keyboard.press("p");
    await soon("live", () => isLive(page));
    // Axis labels end at its right edge: one that is cut would reach the canvas's left edge.
    const atEdge = await page.evaluate(`(() => {
      const canvas = document.querySelector("#chart-flat canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, 2, canvas.height);
      return data.filter((part, i) => i % 4 === 3 && part > 0).length;
    })()`);
    expect(atEdge).toBe(0);
  });

  test("of 720 pairs of bars both colours are seen", async () => {
    const painted = (name: string) =>
      page.evaluate(`(() => {
        const canvas = document.querySelector("#chart-pairs canvas");
        const probe = document.body.appendChild(document.createElement("span"));
        probe.style.color = "var(${name})";
        const wanted = getComputedStyle(probe).color.match(/\\d+/g).slice(0, 3).map(Number);
        probe.remove();
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        // The hue of a thinned colour is its own still.
        const hue = (r, g, b) => Math.atan2(Math.sqrt(3) * (g - b), 2 * r - g - b);
        for (let i = 0; i < data.length; i += 4) {
          if (data[i + 3] < 40) continue;
          const near = Math.abs(hue(...data.slice(i, i + 3)) - hue(...wanted));
          if (near < 0.3 && Math.max(...data.slice(i, i + 3)) - Math.min(...data.slice(i, i + 3)) > 40) count++;
        }
        return count;
      })()`) as Promise<number>;
    expect([(await painted("--batch")) > 500, (await painted("--third")) > 500]).toEqual([true, true]);
  });

  test("zoom stays when a batch brings other rows; a double click ends it", async () => {
    const whole = await canvas("flat");
    const { left, top, width, height } = (await page
      .locator("#chart-flat .u-over")
      .boundingBox()
      .then((box) => ({
        left: box!.x,
        top: box!.y,
        ...box!,
      })))!;
    await page.mouse.move(left + width * 0.2, top + height / 2);
    await page.mouse.down();
    await page.mouse.move(left + width * 0.5, top + height / 2, { steps: 5 });
    await page.mouse.up();
    await page.mouse.move(left + width / 2, top - 60);
    await framesOf(page);
    const zoomed = await canvas("flat");
    expect(zoomed).not.toBe(whole);
    await redrawn("flat", (rows) => Object.assign(rows.at(-1)!, { v: "25741.00" }));
    expect(await canvas("flat")).toBe(zoomed);
    await page.locator("#chart-flat .u-over").dblclick();
    await page.mouse.move(left + width / 2, top - 60);
    await redrawn("flat", (rows) => Object.assign(rows.at(-1)!, { v: "25740.55" }));
    expect(await canvas("flat")).toBe(whole);
  });

  test("batches leave no listener and no node behind; a removed panel takes its chart along", async () => {
    // As many runs as the page draws: from then on each replaces an older one.
    const runs = new Database(join(server.data, "results.db"));
    for (let i = 0; i < 40; i++) runs.exec(RUN);
    runs.close();
    for (let i = 0; i < 3; i++) await redrawn("flat", (rows) => Object.assign(rows.at(-1)!, { v: `2574${i}.00` }));
    const before = await counters();
    for (let i = 0; i < BATCHES; i++)
      await redrawn("flat", (rows) => Object.assign(rows.at(-1)!, { v: `2574${i % 10}.${10 + i}` }));
    const after = await counters();
    expect(after.listeners - before.listeners).toBeLessThanOrEqual(2);
    expect(after.nodes - before.nodes).toBeLessThanOrEqual(BATCHES / 2);
    const db = new Database(join(server.data, "results.db"));
    db.exec("DELETE FROM results WHERE metric = 'pairs'");
    db.exec(RUN);
    db.close();
    await page.locator("#metric-pairs").waitFor({ state: "detached" });
    // The element goes first, and its chart with the event that follows.
    await until("the chart has ended", async () => (await counters()).listeners < after.listeners - 5);
    expect(faults()).toEqual([]);
  });

  test("rows that can't be had are asked for again with a later batch, at least 5 s apart", async () => {
    const asked_ms: number[] = [];
    await page.route("**/api/metrics/flat*", (route) => {
      asked_ms.push(performance.now());
      return route.fulfill({ status: 500, json: { error: { message: "no rows" } } });
    });
    for (let i = 0; asked_ms.length < 2; i++) {
      // It observes before the batch ends.
      await page.evaluate(`window.part = new Promise((done) => {
        new MutationObserver((_, seen) => { seen.disconnect(); done(); })
          .observe(document.querySelector("#metric-flat"), { subtree: true, childList: true, attributes: true });
      }); null`);
      rerun("flat", (rows) => Object.assign(rows.at(-1)!, { v: `25741.${10 + i}` }));
      await page.evaluate("window.part");
    }
    expect(asked_ms[1]! - asked_ms[0]!).toBeGreaterThan(4_500);
    await page.unroute("**/api/metrics/flat*");
    await page.locator("#chart-flat .more", { hasText: "can't be drawn: no rows" }).waitFor();
    await redrawn("flat", (rows) => Object.assign(rows.at(-1)!, { v: "25742.00" }));
    await page.locator("#chart-flat canvas").waitFor();
  });

  test("what the plot throws is caught and said", async () => {
    await page.evaluate(`(() => {
      const { prototype } = CanvasRenderingContext2D;
      const { stroke } = prototype;
      prototype.stroke = function (...args) {
        if (this.canvas.closest("#chart-flat")) throw new Error("no ink");
        return stroke.apply(this, args);
      };
    })()`);
    await redrawn("flat", (rows) => Object.assign(rows.at(-1)!, { v: "1.00" }));
    await page
      .locator("#chart-flat .more", { hasText: "This chart can't be drawn: no ink. The rows are below." })
      .waitFor();
    expect(faults()).toEqual([]);
  });

  test("a metric's page: sorted and paged without a reload and without JavaScript, the first column stays, axe has nothing", async () => {
    const { page: own, complaints: said } = await openPage(browser, `${server.url}/metric/wide`);
    await own.evaluate("window.stayed = true");
    await own.locator("#rows a.sort", { hasText: "column_2" }).first().click();
    await own.locator('th[aria-sort="descending"]', { hasText: "column_2" }).waitFor();
    await own.locator(".pager a", { hasText: "last" }).click();
    await own.locator("#rows .scope", { hasText: "Rows 401 to 500 of 500, by column_2, descending" }).waitFor();
    expect([await own.evaluate("window.stayed"), own.url().split("?")[1]]).toEqual([
      true,
      "sort=column_2&desc=1&page=3",
    ]);
    expect(await own.locator("tbody tr").last().locator("td").first().innerText()).toBe("0");
    await own.goBack();
    await own.locator("#rows .scope", { hasText: "Rows 1 to 200 of 500" }).waitFor();
    const first = own.locator("tbody td").first();
    const x = (await first.boundingBox())!.x;
    await own.evaluate("document.querySelector('.metric-rows').scrollTo({ left: 900 })");
    expect((await first.boundingBox())!.x).toBeCloseTo(x, 0);
    await own.locator(".metric-rows").focus();
    expect(await own.locator("tbody td.n .all").first().isVisible()).toBe(true);
    // A small one: axe takes seconds for thousands of cells.
    await own.goto(`${server.url}/metric/flat?from=2023-09-05T04:00&to=2023-09-05T04:05`);
    await own.locator("#chart-flat canvas").waitFor();
    const { violations } = await new AxeBuilder({ page: own as never }).analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
    expect(said).toEqual([]);
    const plain = await (await newContext(browser, { javaScriptEnabled: false })).newPage();
    await plain.goto(`${server.url}/metric/wide`);
    await plain.locator("#rows a.sort", { hasText: "column_2" }).first().click();
    await plain.waitForURL(/sort=column_2&desc=1/);
    expect(await plain.locator("tbody td").first().innerText()).toBe("499");
  });
});
