/** Open tabs: they share one stream, their address has all that they show, keys do everything. */
import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { framesOf, inBrowser, isLive, newContext, openPage, soon, started, text } from "../support/browser.ts";
import { recordedLines } from "../support/data.ts";
import { AT, answerWith, boxOf, drawn, rowsOf, streamBar } from "../support/drawn-chart.ts";
import { feed } from "../support/health-states.ts";
import { chartMetrics, served } from "../support/served.ts";

const ONE = "/?product=BTC-USD&window=1m";

const fill = () => served(recordedLines().slice(0, 3_000), chartMetrics());

inBrowser("open tabs", fill, (here) => {
  const open = (path = ONE) => here.open(path);
  const openPages = async () =>
    Number(/^tidemark_open_pages (\d+)/m.exec(await (await fetch(`${here.server.url}/metrics`)).text())![1]);

  test("seven tabs and a hidden one are live through one stream; what is hidden is current when it is shown", async () => {
    const context = await newContext(here.browser);
    const pages: Page[] = [];
    const charts: string[] = [];
    context.on("request", (request) => void (request.url().includes("/api/chart?") && charts.push(request.url())));
    for (let i = 0; i < 7; i++) {
      const page = await context.newPage();
      await page.goto(`${here.server.url}${i < 5 ? ONE : "/?product=BTC-USD&window=5m"}`);
      pages.push(page);
    }
    for (const page of pages) await soon("live", () => isLive(page));
    for (const page of pages) await soon("title", async () => (await page.title()).includes("equal"));
    // The server notices the end of a former stream a moment later.
    await soon("one stream", async () => (await openPages()) === 1);
    const hidden = pages[0]!;
    const show = (state: string) =>
      hidden.evaluate(
        `Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true });
         document.dispatchEvent(new Event("visibilitychange"))`,
      );
    await show("hidden");
    await soon("only its title", () => hidden.evaluate("document.documentElement.dataset.watches === 'title'"));
    const [row, title] = [await text(hidden, "#price-line"), await hidden.title()];
    await here.server.play(recordedLines().slice(3_000, 3_500));
    // The title comes at most every ten seconds, and nothing else.
    await soon("its title", async () => (await hidden.title()) !== title);
    expect(await text(hidden, "#price-line")).toBe(row);
    await show("visible");
    await soon("its price", async () => (await text(hidden, "#price-line")) !== row);
    await soon("one stream again", async () => (await openPages()) === 1);
    // Another tab makes none load again what it has.
    expect(charts).toHaveLength(pages.length);
    for (const page of pages) await page.close();
    await soon("no stream is left", async () => (await openPages()) === 0);
  });

  test("without a shared worker a tab has a stream of its own; it continues from the HTML, with one request for the chart", async () => {
    const { page } = await openPage(here.browser, "about:blank");
    await page.addInitScript("delete window.SharedWorker");
    const asked: string[] = [];
    page.on("request", (request) => void asked.push(new URL(request.url()).pathname));
    const { promise: committed, resolve: commit } = Promise.withResolvers<void>();
    // Its program is late, not the stream: a silent one is given up after ten seconds.
    await page.route("**/*.js", async (route) => {
      const script = await route.fetch();
      if ((await script.text()).includes("text/event-stream")) await committed;
      await route.fulfill({ response: script });
    });
    await page.goto(here.server.url + ONE);
    await drawn(page);
    const [row, candles] = [
      await text(page, "#windows tbody tr:first-child"),
      await page.locator(".ribbon-cell").count(),
    ];
    await here.server.play(recordedLines().slice(3_500, 4_000));
    expect(asked).not.toContain("/events");
    commit();
    await soon("live", () => isLive(page));
    await soon("its windows", async () => (await text(page, "#windows tbody tr:first-child")) !== row);
    await soon("its candles", async () => (await rowsOf(page)).length > candles);
    expect(asked).toContain("/events");
    await soon("one stream", async () => (await openPages()) === 1);
    expect(asked.filter((path) => path === "/api/chart")).toHaveLength(1);
  });

  test("what is shown is in the address: sizes, spans, pause, zone; Back returns to it without a reload", async () => {
    const { page, complaints } = await open();
    await page.evaluate("window.stayed = true");
    await page.locator('nav a[data-set="window"][data-value="5m"]').click();
    await soon("windows of 5m", async () => (await text(page, "#windows")).includes("5m") || page.url().includes("5m"));
    await page.locator('nav a[data-set="range"][data-value="15m"]').click();
    const current = () => page.locator('nav a[aria-current="true"]').allInnerTexts();
    const shows = (query: string, names: string) =>
      soon(query, async () => new URL(page.url()).search === query && (await current()).join(" ") === names);
    await shows("?product=BTC-USD&window=5m&range=15m", "5m 15m");
    await page.goBack();
    await page.goBack();
    await shows(ONE.slice(1), "1m 1h");
    await page.locator("#zone").focus();
    await page.locator("#zone").selectOption("Asia/Tokyo");
    await soon("in the address", async () => page.url().includes("zone=Asia/Tokyo"));
    await soon("times of Tokyo", async () => /last trade 0[12]:/.test(await text(page, "#price-line")));
    await page.locator("#pause").click();
    await soon("paused", async () => (await text(page, "#heard")) === "paused");
    await soon("in the address", async () => page.url().includes("pause=1"));
    await soon("no stream", async () => (await openPages()) === 0);
    await page.reload();
    await soon("still paused", async () => (await text(page, "#heard")) === "paused");
    expect(await page.locator("#zone").inputValue()).toBe("Asia/Tokyo");
    await page.locator("#pause").click();
    await soon("live", () => isLive(page));
    expect(complaints).toEqual([]);
  });

  test("a chart out of view is not drawn for what arrives, and is current when it comes into view", async () => {
    const { page } = await open();
    await page.addInitScript(() => {
      const ages = { drawn: 0 };
      Object.assign(window, { ages });
      const clear = CanvasRenderingContext2D.prototype.clearRect;
      CanvasRenderingContext2D.prototype.clearRect = function (...given) {
        if (this.canvas instanceof HTMLCanvasElement && this.canvas.closest("#age-chart")) ages.drawn++;
        clear.apply(this, given);
      };
    });
    await page.reload();
    await page.locator("#age-chart canvas").waitFor();
    expect((await page.locator("#age-chart").boundingBox())!.y).toBeGreaterThan(900);
    // The header's age falls with each status.
    const status = () =>
      page.evaluate(
        () =>
          new Promise<void>((resolve) => {
            const heard = document.getElementById("heard")!;
            const age = () => Number.parseFloat(heard.textContent!.replace(/^\D+/, ""));
            let before = age();
            new MutationObserver(() => {
              if (age() < before) resolve();
              before = age();
            }).observe(heard, { subtree: true, childList: true, characterData: true });
          }),
      );
    const draws = () => page.evaluate(() => (window as unknown as { ages: { drawn: number } }).ages.drawn);
    expect(await draws()).toBeGreaterThan(0);
    // With a frame it is known to be out of view; what came before is drawn half a second later.
    await framesOf(page);
    await page.evaluate(() => new Promise((done) => setTimeout(done, 1_000)));
    await framesOf(page);
    const before = await draws();
    await status();
    await framesOf(page);
    expect(await draws()).toBe(before);
    await page.locator("#age-chart").scrollIntoViewIfNeeded();
    await soon("it is drawn", async () => (await draws()) > before);
  });

  test("by keyboard alone: skip link, theme with its three names, spans, pause, the list of keys", async () => {
    const { page } = await open();
    await soon("live", () => isLive(page));
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(new URL(page.url()).hash).toBe("#main");
    const names: string[] = [];
    for (let i = 0; i < 3; i++) {
      await page.keyboard.press("t");
      names.push(await text(page, "#theme"));
    }
    expect(names).toEqual(["light", "dark", "auto"]);
    await page.keyboard.press("t");
    const other = await page.context().newPage();
    await other.goto(here.server.url + ONE);
    await started(other);
    expect(await text(other, "#theme")).toBe("light");
    await other.keyboard.press("t");
    await soon("the first tab follows", async () => (await text(page, "#theme")) === "dark");
    await page.bringToFront();
    await page.keyboard.press("4");
    await soon("all", async () => page.url().includes("range=all"));
    await page.keyboard.press("p");
    await soon("paused", async () => (await page.locator("#pause").getAttribute("aria-pressed")) === "true");
    await page.keyboard.press("p");
    await page.keyboard.press("?");
    await page.locator("dialog[open]").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
  });

  const names = (page: Page) => rowsOf(page).then((rows) => rows.map((row) => row[1]));
  const redrawn = (page: Page) =>
    page.evaluate(`document.dispatchEvent(new Event("visibilitychange"));
      new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))`);
  const chartOf = async (query: string) => {
    const opened = await open(ONE + query);
    await drawn(opened.page);
    return opened.page;
  };

  test("a chart that was zoomed and panned, and a cell that is read out, stay while new windows come", async () => {
    const moved = await chartOf("");
    const whole = (await names(moved)).length;
    const { x, y, width } = await boxOf(moved);
    await moved.mouse.move(x + width / 4, y + 50);
    await moved.mouse.wheel(0, -400);
    await soon("a fixed span", async () => moved.url().includes("from="));
    await framesOf(moved);
    const zoomed = await names(moved);
    expect(zoomed.length).toBeLessThan(whole);
    const address = moved.url();
    await moved.mouse.down();
    await moved.mouse.move(x + width / 2, y + 50, { steps: 4 });
    await moved.mouse.up();
    await soon("other windows", async () => (await names(moved))[0] !== zoomed[0]);
    await soon("its address", async () => moved.url() !== address);
    const focused = await chartOf("&range=15m");
    const cell = focused.locator("#main-chart .ribbon-cell");
    // The table's button takes the focus.
    await names(focused);
    await cell.focus();
    for (const key of ["ArrowLeft", "ArrowLeft", "ArrowLeft"]) await focused.keyboard.press(key);
    const all = [moved, focused];
    const links = () => cell.evaluate((link) => [link.getAttribute("href"), link.getAttribute("aria-label")]);
    for (const page of all) await soon("live", () => isLive(page));
    const read = await links();
    const before = await Promise.all(all.map(names));
    const shown = moved.url();
    const run = (page: Page) => page.locator("#main-chart .horizon-label").textContent();
    const runs = await Promise.all(all.map(run));
    await here.server.play(recordedLines().slice(4_000, 5_000));
    for (const [i, page] of all.entries()) {
      await soon("the run", async () => /run \d+/.exec((await run(page))!)![0] !== /run \d+/.exec(runs[i]!)![0]);
      await redrawn(page);
    }
    expect(await names(moved)).toEqual(before[0]!);
    expect(moved.url()).toBe(shown);
    expect((await names(focused))[0]).not.toBe(before[1]![0]);
    expect(await links()).toEqual(read);
    await moved.getByRole("button", { name: "Back to live" }).click();
    await soon("the newest window", async () => (await names(moved))[0] === "16:25–16:26");
  });

  test("a paused chart shows another span or size when it is chosen", async () => {
    const page = await chartOf("&range=15m");
    const before = (await names(page)).length;
    await page.locator("#pause").click();
    await soon("paused", async () => (await text(page, "#heard")) === "paused");
    await page.locator('nav a[data-set="range"][data-value="all"]').click();
    await soon("all windows", async () => (await names(page)).length > before);
    await page.locator('nav a[data-set="range"][data-value="15m"]').click();
    await soon("15 minutes", async () => (await names(page)).length === before);
    await page.locator('nav a[data-set="window"][data-value="5m"]').click();
    await soon("windows of 5 minutes", async () => (await names(page)).at(-1) === "16:00–16:05");
  });

  test("what is read from the archive is shown as loading, and why it is not there", async () => {
    const { page } = await open();
    const asked = Promise.withResolvers<void>();
    await page.route("**/api/chart/older?**", async (route) => {
      await asked.promise;
      await route.fulfill({ status: 503, json: {} });
    });
    await answerWith(page, { stream: [0, 1, 2].map(streamBar), first_s: AT, older_before_s: AT + 60 });
    await soon("live", () => isLive(page));
    const note = page.locator("#main-chart .chart-note");
    await note.getByText("loading the batch’s earlier windows …").waitFor();
    const keeps = (text: string) =>
      soon(text, async () => {
        await note.getByText(text).waitFor();
        await redrawn(page);
        return (await note.innerText()).includes(text);
      });
    await keeps("loading the batch’s earlier windows …");
    asked.resolve();
    await keeps("the batch’s earlier windows are not loaded: the server answered 503");
  });

  test("after the feed's end the chart of the ages states when that was", async () => {
    const at_us = Date.parse("2026-01-05T13:05:12Z") * 1000;
    feed(here.server.data, { kind: "replay", as_of_us: at_us, ended_us: at_us, replay: null });
    const { page } = await open();
    const chart = page.locator("#age-chart");
    // Out of view it is not drawn.
    await chart.scrollIntoViewIfNeeded();
    await chart.getByText("The feed ended at 13:05:12: no age since then").waitFor();
    expect(await chart.locator("dd").allInnerTexts()).toEqual(["now", "ended", "ended"]);
  });
});
