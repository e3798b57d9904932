/** The page in its other forms: a phone, a wall, paper, type, without JavaScript. */
import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { inBrowser, newContext, pause, text } from "../support/browser.ts";
import { troubledLines } from "../support/data.ts";
import { feed } from "../support/health-states.ts";
import { until } from "../support/process.ts";
import { served } from "../support/served.ts";

const soon = (isSo: () => Promise<boolean>) => until(`${isSo}`, isSo, { every_ms: 50 });

/** Places of elements at one moment: the page is live. */
const boxesOf = (page: Page, ...selectors: string[]) =>
  page.evaluate(
    (all) =>
      all.map((selector) => {
        const { x, y, width, height, bottom } = document.querySelector(selector)!.getBoundingClientRect();
        return { x, y, width, height, bottom };
      }),
    selectors,
  );

/** Until the page has this width and its chart has followed, a frame later. */
const fitted = (page: Page, width: number) =>
  soon(() =>
    page.evaluate((wanted) => {
      const [box, plot] = ["#main-chart .chart-plot", "#main-chart .u-wrap"].map((one) => document.querySelector(one)!);
      return innerWidth === wanted && Math.floor(box!.clientWidth) === plot!.clientWidth;
    }, width),
  );

const fill = () => served(troubledLines(3_000));

inBrowser("forms", fill, (here) => {
  const { open } = here;

  test("on a phone nothing is wider than the screen, the chart is above the tiles, measures are cards", async () => {
    const { page } = await open("/?product=BTC-USD", { width: 390 });
    await page.locator("#main-chart canvas").waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    const boxes = await boxesOf(page, "#main-chart", "#tile-soon", "#tile-fresh", "#tile-complete", "#windows");
    const [chart, soonTile, fresh, complete, windows] = boxes;
    expect(soonTile!.y).toBeGreaterThan(chart!.bottom - 1);
    expect([fresh!.y, complete!.y > soonTile!.y]).toEqual([soonTile!.y, true]);
    expect(windows!.width).toBeGreaterThan(300);
    const overlapping = await page.locator(".side:not(.missing)").evaluateAll((sides) =>
      sides
        .filter((side) => {
          const [figure, beside] = [...side.querySelectorAll("b, small")].map((one) => {
            const words = document.createRange();
            words.selectNodeContents(one);
            return words.getBoundingClientRect();
          });
          return figure!.right > beside!.left || beside!.right > side.getBoundingClientRect().right + 1;
        })
        .map((side) => side.textContent),
    );
    expect(overlapping).toEqual([]);
    const measure = page.locator("#measures .measure", { hasText: /^pipeline latency/ });
    expect(await measure.locator("tbody th").allInnerTexts()).toEqual(["last 5 minutes", "since start"]);
    const cells = measure.locator("tbody tr").first().locator("td");
    const tops = await cells.evaluateAll((all) => all.map((cell) => cell.getBoundingClientRect().top));
    expect(tops[1]).toBeGreaterThan(tops[0]!);
    const theme = () => page.evaluate("document.documentElement.dataset.theme");
    expect(await theme()).toBe("system");
    await page.keyboard.press("t");
    expect(await theme()).toBe("light");
    await page.reload();
    expect(await theme()).toBe("light");
  });

  test("at 320 px nothing is wider than the screen; what a link leads to is below the header at every width", async () => {
    const { page } = await open("/?product=BTC-USD", { width: 320 });
    await page.locator("#main-chart canvas").waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(320);
    for (const width of [320, 390, 1200]) {
      await page.setViewportSize({ width, height: 800 });
      const below = async () => {
        const [header, title] = await boxesOf(page, "#top", "#windows");
        return title!.y >= header!.bottom;
      };
      // The link scrolls once: until the header's new height is known it would be below the old one.
      const room = "getComputedStyle(document.documentElement).getPropertyValue('--top')";
      const isKnown = `innerWidth === ${width} && ${room} === document.getElementById("top").offsetHeight + "px"`;
      await soon(() => page.evaluate<boolean>(isKnown));
      await page.evaluate("location.hash = ''; location.hash = '#windows'");
      await soon(below);
    }
  });

  test("nothing below the price and the tiles moves by what the open window waits for, or when a ratio comes", async () => {
    const { page } = await open("/?product=BTC-USD");
    await pause(page);
    const window = "window 16:30: 1,296 trades";
    const words = [`${window}, closes in 64 s`, `${window}, closes with the first trade after 16:31:30`];
    words.push(
      "",
      "no window is open",
      `${window}, the stream is at 16:31:30`,
      `${window}, stays open: the feed has ended`,
    );
    for (const width of [1_400, 1_000, 700, 390, 320]) {
      await page.setViewportSize({ width, height: 900 });
      await fitted(page, width);
      const tops = await page.evaluate((texts) => {
        const one = (selector: string) => document.querySelector<HTMLElement>(selector)!;
        const [figure, ratio] = [one('[data-figure="open"]'), one("#tile-soon .ratio")];
        const topsWith = (element: HTMLElement, some: string[]) =>
          some.map((text) => {
            element.textContent = text;
            return [one("#verdict"), one("#main-chart"), one(".lanes")].map((box) =>
              Math.round(box.getBoundingClientRect().top),
            );
          });
        for (const tile of document.querySelectorAll(".tile .ratio")) tile.textContent = "";
        return [topsWith(figure, texts), topsWith(ratio, ["", "stream 3,100 times sooner"])];
      }, words);
      for (const some of tops) expect([width, some]).toEqual([width, some.map(() => some[0]!)]);
    }
  });

  test("type has six sizes", async () => {
    const { page } = await open("/?product=BTC-USD");
    await page.locator("#age-chart canvas").waitFor();
    const sizes = await page.evaluate(`[...new Set([...document.querySelectorAll("body *")]
      .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== ""))
      .map((element) => getComputedStyle(element).fontSize))].sort()`);
    expect((sizes as string[]).length).toBeLessThanOrEqual(6);
  });

  test("a wall has the first screen alone, as wide as it is; paper has no buttons", async () => {
    const { page } = await open("/?product=BTC-USD&view=wall", { width: 1920 });
    await page.locator("#main-chart canvas").waitFor();
    expect(await page.locator("#differences").isVisible()).toBe(false);
    expect(await page.locator("#tile-agree").isVisible()).toBe(true);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(1920);
    expect((await boxesOf(page, ".tiles"))[0]!.width).toBeGreaterThan(1_800);
    for (const [width, height] of [
      [1920, 1080],
      [1400, 900],
    ] as const) {
      await page.setViewportSize({ width, height });
      await fitted(page, width);
      expect([width, (await boxesOf(page, "#lanes"))[0]!.bottom <= height]).toEqual([width, true]);
    }
    expect(await page.locator("#zone").isVisible()).toBe(false);
    await page.emulateMedia({ media: "print" });
    expect(await page.locator("#pause").isVisible()).toBe(false);
  });

  test("at 1400 × 900 the bar of problems covers no lane, and the chart's newest window is that of the price line", async () => {
    // As of a process that is gone: the page has a problem to show.
    feed(here.server.data, { as_of_us: (Date.now() - 60_000) * 1_000 });
    const { page } = await open("/?product=BTC-USD", { width: 1400 });
    const trades = page.locator("#main-chart .chart-readout > div", { hasText: "Trades" }).locator("dd");
    await until("the newest window", async () => /\d/.test(await trades.innerText()));
    const [lanes, bar] = await boxesOf(page, "#lanes", "#problems");
    expect(bar!.bottom).toBeCloseTo(900, 0);
    expect(lanes!.bottom).toBeLessThanOrEqual(bar!.y);
    expect(await text(page, '#price-line [data-figure="open"]')).toContain(`: ${await trades.innerText()} trades`);
    // What the verdict adds comes and goes without moving what is below.
    const tilesTop = async () => (await boxesOf(page, ".tiles"))[0]!.y;
    const before = await tilesTop();
    await page.evaluate("document.querySelector('#verdict .details').textContent = 'stream is down '.repeat(20)");
    expect(await tilesTop()).toBe(before);
    // On a phone it is the screen's lower edge, and no part of a panel that it covers.
    await page.setViewportSize({ width: 390, height: 844 });
    await fitted(page, 390);
    const phone = (await boxesOf(page, "#problems"))[0]!;
    expect([phone.x, phone.width, phone.bottom]).toEqual([0, 390, 844]);
  });

  test("without JavaScript: price, verdict, tiles, the newest windows as a table, links to sizes", async () => {
    const context = await newContext(here.browser, { javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${here.server.url}/?product=BTC-USD`);
    expect(await text(page, "#price-line .price")).toContain(".");
    expect(await page.locator("#main-chart tbody tr").first().isVisible()).toBe(true);
    expect(await page.locator("#tile-soon .side").first().isVisible()).toBe(true);
    expect(await page.locator(".chart[data-metric]:visible").count()).toBe(0);
    const sentences = page.locator("#metrics .needs-script:visible", {
      hasText: "needs JavaScript; its rows are below",
    });
    expect(await sentences.count()).toBe(await page.locator(".chart[data-metric]").count());
    await page.locator('nav a[data-set="window"]', { hasText: "5m" }).click();
    await page.waitForURL(/window=5m/);
    expect(await page.locator("#verdict").isVisible()).toBe(true);
  });
});
