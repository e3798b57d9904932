/** The main chart, its ribbon and the ages in a real browser. */
import { expect, test } from "bun:test";
import { AxeBuilder } from "@axe-core/playwright";
import type { ChartAnswer } from "../../scripts/contract/page-events.ts";
import { framesOf, inBrowser, pause } from "../support/browser.ts";
import { recordedLines } from "../support/data.ts";
import {
  AT,
  answerWith,
  bar,
  boxOf,
  drawn,
  EMPTY,
  painted,
  readout,
  rowsOf,
  search,
  streamBar,
} from "../support/drawn-chart.ts";
import { chartMetrics, served } from "../support/served.ts";

const withLate = () => {
  const lines = recordedLines();
  const late = lines[500]!.replace('"trade_id":501,', '"trade_id":900501,');
  return [...lines.slice(0, 3_000), late];
};

const fill = () => served(withLate(), chartMetrics());

inBrowser("the main chart", fill, (here) => {
  const open = async (query = "", options = {}) => {
    const opened = await here.open(`/?product=BTC-USD${query}`, options);
    await drawn(opened.page);
    return opened;
  };

  test("both pipelines' windows as a table, as the API has them; the late tick is counted", async () => {
    const { page, complaints } = await open();
    const answer = (await (
      await fetch(`${here.server.url}/api/chart?product=BTC-USD&window=1m`)
    ).json()) as ChartAnswer;
    const rows = await rowsOf(page);
    expect(rows.length).toBe(answer.stream.length);
    const money = (value: number) => value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    const last = answer.stream.at(-1)!;
    expect(rows[0]!.slice(2, 6)).toEqual([last[1], last[2], last[3], last[4]].map(money));
    expect(rows.filter((row) => row.at(-1) === "▲ 1 late tick explains it").length).toBe(1);
    expect(rows[0]!.at(-1)).toBe("○ open");
    expect(await painted(page, "--fourth")).toBeGreaterThan(20);
    expect(complaints).toEqual([]);
  });

  test("arrow keys move the crosshair and the values are spoken; Enter opens the window", async () => {
    const { page } = await open();
    const chart = page.getByRole("application", { name: /^Prices and volumes/ });
    const spoken = page.locator("#main-chart .chart-spoken");
    await chart.focus();
    await page.keyboard.press("Home");
    expect(await spoken.innerText()).toMatch(/^Window 16:00–16:01, Open 25,741\.02, High .*, Agree\? ✓ equal$/);
    expect((await readout(page)).Window).toBe("16:00–16:01");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    expect(await spoken.innerText()).toContain("Agree? ▲ 1 late tick explains it");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/window/BTC-USD@2023-09-05T16:02/1m");
  });

  test("a cell of the ribbon is a link, by keys and by pointer", async () => {
    const { page } = await open();
    const cell = page.locator("#main-chart .ribbon-cell");
    await cell.focus();
    await page.keyboard.press("Home");
    expect(await cell.getAttribute("href")).toBe("/window/BTC-USD@2023-09-05T16:00/1m");
    expect(await cell.getAttribute("aria-label")).toBe("16:00–16:01: ✓ equal");
    await page.keyboard.press("ArrowRight");
    expect(await cell.getAttribute("href")).toBe("/window/BTC-USD@2023-09-05T16:01/1m");
    const ribbon = (await page.locator("#main-chart .ribbon").boundingBox())!;
    await page.mouse.click(ribbon.x + 3, ribbon.y + ribbon.height / 2);
    await page.waitForURL("**/window/BTC-USD@2023-09-05T16:00/1m");
  });

  test("pointing at the charts moves nothing, and no label is cut: wide, narrow, and on a phone", async () => {
    for (const width of [1400, 1000, 390]) {
      const { page } = await open("", { width });
      // Within the chart: what is above it has its own tests.
      const places = () =>
        page.evaluate(() =>
          ["", " .u-over", " .chart-bar"].map((inner) => {
            const chart = document.getElementById("main-chart")!;
            const one = document.querySelector(`#main-chart${inner}`)!;
            const { top, left, height } = one.getBoundingClientRect();
            return [top - chart.getBoundingClientRect().top, left, height];
          }),
        );
      const before = await places();
      const { x, y, width: wide } = await boxOf(page);
      for (let step = 0; step < 12; step++) await page.mouse.move(x + (wide * (step + 0.5)) / 12, y + 60);
      expect(await places()).toEqual(before);
      const cut = await page.locator("#main-chart :is(dt, dd, .horizon-label, .beyond-label)").evaluateAll((all) =>
        all
          .filter((one) => {
            const { left, right } = one.getBoundingClientRect();
            return one.scrollWidth > one.clientWidth + 1 || left < 0 || right > innerWidth;
          })
          .map((one) => one.textContent),
      );
      expect([width, cut]).toEqual([width, []]);
      await page.context().close();
    }
  });

  test("drag pans and the address has it; a reload shows the same; back to live ends it", async () => {
    const { page } = await open("&range=15m");
    const back = page.getByRole("button", { name: "Back to live" });
    expect(await back.isVisible()).toBe(false);
    const { x, y, width } = await boxOf(page);
    await page.mouse.move(x + width / 4, y + 50);
    await page.mouse.down();
    await page.mouse.move(x + width / 2, y + 50, { steps: 4 });
    await page.mouse.up();
    await back.waitFor();
    await page.waitForFunction(() => location.search.includes("from="));
    const seen = [...search(page).entries()];
    const rows = await rowsOf(page);
    await page.reload();
    await drawn(page);
    expect([...search(page).entries()]).toEqual(seen);
    expect(await rowsOf(page)).toEqual(rows);
    await page.getByRole("button", { name: "Back to live" }).click();
    await page.waitForFunction(() => !location.search.includes("from="));
  });

  test("a link to a section of the page leaves a chart that follows as it is", async () => {
    const { page } = await open("&range=1h");
    const { x, y, width } = await boxOf(page);
    await page.mouse.move(x + width - 2, y + 50);
    await page.mouse.wheel(0, -150);
    await page.waitForFunction(() => location.search.includes("from="));
    const back = page.getByRole("button", { name: "Back to live" });
    await back.waitFor({ state: "hidden" });
    const before = search(page).toString();
    await page.locator("nav.sections a").first().click();
    await page.waitForFunction(() => location.hash !== "");
    await framesOf(page);
    expect([await back.isVisible(), search(page).toString()]).toEqual([false, before]);
  });

  test("the wheel zooms, but not below ten windows; keys do too", async () => {
    const { page } = await open();
    const before = (await rowsOf(page)).length;
    const { x, y, width } = await boxOf(page);
    await page.mouse.move(x + width / 2, y + 50);
    await page.mouse.wheel(0, -2_000);
    await page.waitForFunction(
      (count) => document.querySelectorAll("#main-chart .chart-table tbody tr").length < count,
      before,
    );
    await page.waitForFunction(() => location.search.includes("from="));
    const span = Date.parse(search(page).get("to")!) - Date.parse(search(page).get("from")!);
    expect(span).toBe(600_000);
    await page.locator("#main-chart .chart-plot").focus();
    await page.keyboard.press("-");
    await page.waitForFunction(() => {
      const given = new URLSearchParams(location.search);
      return Date.parse(given.get("to")!) - Date.parse(given.get("from")!) > 600_000;
    });
  });

  test("one window: the axis has ten, its bar is inside; the batch's windows are its own where the stream is dead", async () => {
    const { page } = await open();
    await answerWith(page, { stream: [streamBar(0)], first_s: AT });
    const box = (await page.locator("#main-chart .ribbon-cell").boundingBox())!;
    const { x, width } = await boxOf(page);
    expect((box.x - x) / width).toBeLessThan(0.01);
    expect(box.width / width).toBeCloseTo(0.1, 1);
    expect(await painted(page, "--batch")).toBe(0);
    await page.unroute("**/api/chart?**");
    await answerWith(page, { stream: [streamBar(0)], batch: [0, 1, 2, 3].map(bar), first_s: AT });
    expect(await painted(page, "--batch")).toBeGreaterThan(400);
    expect((await rowsOf(page))[0]![1]).toBe("16:03–16:04 (batch only)");
  });

  test("10,000 windows are a few hundred candles, which the chart states; older ones come when panning", async () => {
    const { page } = await open();
    const count = 12_000;
    const stream = Array.from({ length: count }, (_, i) => streamBar(i - count + 1));
    const released = Promise.withResolvers<void>();
    const first_s = stream[0]![0];
    const whole = { ...EMPTY, first_s };
    await page.route("**/api/chart?**", async (route) => {
      const isFirst = route.request().url().includes("range=");
      if (!isFirst) await released.promise;
      const [from_s, shown] = isFirst
        ? [stream.at(-10_000)![0], stream.slice(-10_000)]
        : [first_s, stream.slice(0, 2_000)];
      await route.fulfill({ json: { ...whole, from_s, stream: shown } });
    });
    await page.goto(`${here.server.url}/?product=BTC-USD&window=1m&range=all`);
    await drawn(page);
    const note = page.locator("#main-chart .chart-note");
    await note.getByText("loading earlier windows").waitFor();
    const rows = await rowsOf(page);
    expect(rows.length).toBeLessThan(400);
    expect(rows.length).toBeGreaterThan(100);
    released.resolve();
    await note.getByText("the newest 10,000 windows").waitFor();
    const days = page.locator("#main-chart .chart-days");
    expect(await days.innerText()).toBe("29 Aug 2023 – 5 Sep 2023 · UTC");
    const { x, y, width } = await boxOf(page);
    await page.mouse.move(x + 20, y + 50);
    await page.mouse.down();
    await page.mouse.move(x + width / 2, y + 50, { steps: 3 });
    await page.mouse.up();
    await days.getByText(/^2[5-8] Aug 2023/).waitFor();
    expect((await rowsOf(page)).at(-1)![0]).toBe("28 Aug 2023");
  });

  test("a chart as a PNG file; another theme draws it again", async () => {
    const { page } = await open();
    const [file] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: /Prices and volumes.*PNG/ }).click(),
    ]);
    expect(file.suggestedFilename()).toBe("tidemark-chart.png");
    const bytes = await Bun.file(await file.path()).bytes();
    expect([...bytes.slice(1, 4)]).toEqual([...Buffer.from("PNG")]);
    expect(await painted(page, "--stream")).toBeGreaterThan(200);
    await page.emulateMedia({ colorScheme: "dark" });
    await page.waitForFunction(() => matchMedia("(prefers-color-scheme: dark)").matches);
    await page.evaluate(() => new Promise(requestAnimationFrame));
    expect(await painted(page, "--stream")).toBeGreaterThan(200);
  });

  test("another size and another zone: the same chart, other windows and times", async () => {
    const { page, complaints } = await open("&zone=Asia/Kolkata");
    expect((await rowsOf(page)).at(-1)![1]).toBe("21:30–21:31");
    await page.getByRole("link", { name: "5m", exact: true }).click();
    await page.waitForFunction(() =>
      document
        .querySelector("#main-chart .chart-table tbody tr:last-child td:nth-child(2)")
        ?.textContent?.includes("21:35"),
    );
    expect(await page.locator("#main-chart .chart-frame").count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  test("a chart that was removed ends, and a replaced page has a new one", async () => {
    const { page, complaints } = await open();
    await page.addInitScript(() => {
      const observed = { count: 0 };
      Object.assign(window, { observed });
      const Original = ResizeObserver;
      window.ResizeObserver = class extends Original {
        override observe(...given: Parameters<ResizeObserver["observe"]>) {
          observed.count++;
          super.observe(...given);
        }
        override disconnect() {
          observed.count--;
          super.disconnect();
        }
      };
    });
    await page.reload();
    await drawn(page);
    const observers = () => page.evaluate(() => (window as unknown as { observed: { count: number } }).observed.count);
    const before = await observers();
    for (const size of ["5m", "1m", "5m"]) {
      await page.evaluate(() => document.querySelector("#main-chart .chart-frame")!.remove());
      await page.getByRole("link", { name: size, exact: true }).click();
      await drawn(page);
    }
    expect(await page.locator("#main-chart .chart-frame").count()).toBe(1);
    expect(await observers()).toBe(before);
    expect(complaints).toEqual([]);
  });

  test("charts have names, and no rule of accessibility is broken", async () => {
    const { page } = await open();
    await page.getByRole("application", { name: /^Age of both answers/ }).waitFor();
    await rowsOf(page);
    await pause(page);
    const { violations } = await new AxeBuilder({ page }).include("#main-chart").include("#age-chart").analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  });
});
