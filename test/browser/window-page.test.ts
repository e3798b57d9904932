/** A window's own page in a real browser: the tab computes the window again from its ticks. */
import { expect, test } from "bun:test";
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { inBrowser, newContext } from "../support/browser.ts";
import { recordedLines, sqlite } from "../support/data.ts";
import { run, until } from "../support/process.ts";
import { served } from "../support/served.ts";

const EQUAL = "/window/BTC-USD@2023-09-05T16:05/1m";
const LATE = "/window/BTC-USD@2023-09-05T16:02/1m";
const SUMMED = "/window/BTC-USD@2023-09-05T16:00/5m";
const ALTERED = "/window/BTC-USD@2023-09-05T16:07/1m";

async function altered() {
  const lines = recordedLines();
  const late = lines[500]!.replace('"trade_id":501,', '"trade_id":900501,');
  const server = await served([...lines.slice(0, 3_000), late]);
  // What no reconciliation has seen yet.
  sqlite(
    server.data,
    "windows.db",
    "UPDATE windows SET total_volume = '1.5', max_price = '1.5' WHERE window_start = '2023-09-05T16:07:00.000000Z'",
  );
  return server;
}

inBrowser("a window's page", altered, (here) => {
  const { open } = here;
  const recomputed = async (page: Page) => {
    await page.locator("#recompute").click();
    await page.locator("#recomputed p").first().waitFor();
    return page.locator("#recomputed p").allInnerTexts();
  };
  const marks = (page: Page, mark: string) => page.locator(`table.sides tr.${mark}`).count();

  test("an equal window: all 19 columns, and both sides recompute to what is stored", async () => {
    const { page, complaints } = await open(EQUAL);
    expect(await page.locator("#window-verdict").innerText()).toContain("Equal in every column");
    expect(await marks(page, "equal")).toBe(19);
    const [stream, batch, took] = await recomputed(page);
    expect(stream).toMatch(/^✓ stream: \d+ ticks make exactly the stored window: all 19 columns are equal$/);
    expect(batch).toMatch(/^✓ batch: \d+ ticks make exactly the stored window: all 19 columns are equal$/);
    expect(took).toMatch(/^\d+ ticks were computed in this tab in [\d.]+ ms\.$/);
    expect(await page.locator("td.computed").first().innerText()).toBe("✓ stream, ✓ batch");
    expect(complaints).toEqual([]);
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  });

  test("a window with a late tick: stream, + late tick, = batch; each side recomputes from its own ticks", async () => {
    const { page, complaints } = await open(LATE);
    expect(await page.locator("#window-verdict").innerText()).toContain("columns differ by exactly its late tick");
    const count = page.locator("table.sides tr", { hasText: "trade_count" });
    const cells = (await count.locator("td").allInnerTexts()).slice(1, 4).map((text) => Number(text.replace("+ ", "")));
    expect(cells[1]).toBe(1);
    expect(cells[0]! + 1).toBe(cells[2]!);
    expect(await page.locator("table.sides mark").count()).toBe(await marks(page, "differs"));
    const lines = await recomputed(page);
    expect(lines[0]).toContain(`✓ stream: ${cells[0]} ticks`);
    expect(lines[1]).toContain(`✓ batch: ${cells[2]} ticks`);
    expect(await page.getByText("900501", { exact: true }).count()).toBeGreaterThan(1);
    expect(complaints).toEqual([]);
  });

  test("a row changed by hand: the recomputation names its columns, and the batch's side is still equal", async () => {
    const { page, complaints } = await open(ALTERED);
    const [stream, batch] = await recomputed(page);
    expect(stream).toMatch(/^≠ stream: \d+ ticks; 2 of 19 columns differ: max_price \(stored 1\.5, computed 25\d+/);
    expect(stream).toContain("total_volume (stored 1.5,");
    expect(batch).toContain("✓ batch");
    expect(complaints).toEqual([]);
  });

  test("five minutes are summed from their minutes, with links, and recompute as one window", async () => {
    const { page } = await open(SUMMED);
    const links = page.locator('a[href*="/1m"]', { hasText: /^16:0\d$/ });
    expect(await links.count()).toBe(5);
    expect((await recomputed(page))[0]).toContain("all 19 columns are equal");
    await links.nth(2).click();
    await page.waitForURL((url) => url.href.endsWith(LATE));
  });

  test("pruned ticks are loaded from the archive while the page is open", async () => {
    await run("prune", ["--data", here.server.data, "--retain", "0s"]);
    const { page, complaints } = await open(EQUAL);
    await page.locator("#window-detail:not([data-pending])").waitFor();
    expect(await page.locator("#ticks").innerText()).toContain("from the archive and ticks.db");
    expect(await page.locator("#ticks tbody tr").count()).toBeGreaterThan(100);
    expect((await recomputed(page))[1]).toContain("all 19 columns are equal");
    expect(complaints).toEqual([]);
  });

  test("a page that stays open is read again each minute, with its age; what was recomputed stays if nothing changed", async () => {
    const page = await (await newContext(here.browser)).newPage();
    await page.clock.install();
    await page.goto(`${here.server.url}/window/BTC-USD@2023-09-05T16:09/1m`);
    await page.locator("#window-detail:not([data-pending])").waitFor();
    const heard = page.locator("#heard");
    const isSoon = (is: string, so: () => Promise<boolean>) => until(is, so, { every_ms: 50 });
    await recomputed(page);
    const first = await heard.innerText();
    expect(first).toMatch(/^as of \d\d:\d\d:\d\d UTC$/);
    await page.clock.fastForward(61_000);
    await isSoon("a later time", async () => (await heard.innerText()) !== first);
    expect(await page.locator("#recomputed p").count()).toBeGreaterThan(1);
    sqlite(
      here.server.data,
      "windows.db",
      "UPDATE windows SET total_volume = '9.25' WHERE window_start = '2023-09-05T16:09:00.000000Z'",
    );
    await page.clock.fastForward(61_000);
    await page.locator("table.sides tr", { hasText: "total_volume" }).locator("td", { hasText: "9.25" }).waitFor();
    await page.route("**/window/**", (route) => route.abort());
    await page.clock.fastForward(61_000);
    await isSoon("stale", async () => /^STALE · as of \d/.test(await heard.innerText()));
  });

  test("without JavaScript the page has everything but the recomputation", async () => {
    const context = await newContext(here.browser, { javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(here.server.url + LATE);
    expect(await page.locator("table.sides tbody tr").count()).toBe(19);
    expect(await page.locator("#recompute").isVisible()).toBe(false);
    await page.locator('a[href$="?ticks=wait"]').click();
    await page.waitForURL(/ticks=wait/);
    expect(await page.locator("#ticks tbody tr").count()).toBeGreaterThan(100);
  });

  test("on a phone each column is a card, with both sides in sight", async () => {
    const { page } = await open(LATE, { width: 390 });
    const cells = page.locator("table.sides tbody td.n");
    expect(await cells.count()).toBe(3 * 19);
    const right = await cells.evaluateAll((all) => Math.max(...all.map((one) => one.getBoundingClientRect().right)));
    expect(right).toBeLessThanOrEqual(390);
    expect(await page.locator("table.sides tbody tr").first().locator("td.n").last().innerText()).not.toBe("");
  });

  const WRONG = "/window/BTC-USD@2023-09-05T16:05:30/1m";

  test("pages of a window, a metric and a refusal have the skip link, the theme's key and button, and the list", async () => {
    for (const path of [EQUAL, "/metric/candles_1m", WRONG]) {
      const { page } = await open(path);
      const theme = page.locator("#theme");
      await page.keyboard.press("Tab");
      expect(await page.evaluate(() => document.activeElement?.textContent?.trim())).toBe("Skip to the content");
      await page.keyboard.press("Enter");
      expect(await page.locator("main:target").count()).toBe(1);
      await page.keyboard.press("t");
      expect(await theme.innerText()).toBe("light");
      await theme.click();
      expect(await theme.innerText()).toBe("dark");
      await page.keyboard.press("?");
      const dialog = page.locator("dialog[open]");
      await dialog.waitFor();
      expect(await dialog.innerText()).toContain("light, dark");
      expect((await dialog.innerText()).includes("stop the page")).toBe(false);
      // Of names with several letters each is one key.
      const keys = (await dialog.locator("kbd").allInnerTexts()).join(" ");
      const charts = " ← → Home End PgUp PgDn Esc 0";
      expect(keys).toBe(`t ?${path.startsWith("/metric/") ? charts : ""}`);
      await page.context().close();
    }
  });

  test("on the narrowest phone only a table's own part is wider than the screen, and the only product is named", async () => {
    for (const path of ["/", EQUAL, LATE, "/metric/windows_by_minute", WRONG]) {
      const { page } = await open(path, { width: 320 });
      expect([path, await page.evaluate("document.documentElement.scrollWidth")]).toEqual([path, 320]);
      // The header has no list of one.
      if (path === "/") expect((await page.locator(".price .only").boundingBox())!.width).toBeGreaterThan(40);
      await page.context().close();
    }
  });

  test("keys of one letter can be switched off, which a reload keeps, and on again", async () => {
    const { page } = await open(WRONG, { width: 390 });
    const theme = page.locator("#theme");
    await page.keyboard.press("?");
    const choice = page.getByRole("checkbox", { name: "Keys of one letter" });
    await choice.uncheck();
    await page.getByRole("button", { name: "Close" }).click();
    await page.keyboard.press("t");
    await page.reload();
    await page.keyboard.press("t");
    await page.keyboard.press("?");
    expect([await theme.innerText(), await page.locator("dialog[open]").count()]).toEqual(["auto", 0]);
    await page.locator("#help").click();
    await choice.check();
    await page.getByRole("button", { name: "Close" }).click();
    await page.keyboard.press("t");
    expect(await theme.innerText()).toBe("light");
  });

  test("an id that is not one is a sentence", async () => {
    const answer = await fetch(here.server.url + WRONG, {
      headers: { Accept: "text/html" },
    });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("No window of 1m begins at 2023-09-05T16:05:30.000000Z.");
  });
});
