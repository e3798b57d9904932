/** A page whose server is silent: it is never wrong in silence, and it recovers by itself. */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
import { browserHere, launch, openPage } from "../support/browser.ts";
import { recordedLines, runPath, tempDir } from "../support/data.ts";
import { until } from "../support/process.ts";
import { startServe } from "../support/served.ts";

/** A browser on two busy cores is slow; bun kills it with a test that times out. */
setDefaultTimeout(120_000);

/** A wait inside the page would need eval, which its policy forbids. */
const soon = (what: string, isSo: () => Promise<boolean>) => until(what, isSo, { every_ms: 50 });
const ONE = "/?product=BTC-USD&window=1m";

let browser: Browser;
let data: ReturnType<typeof tempDir>;
let server: Awaited<ReturnType<typeof startServe>>;

describe.skipIf(!browserHere)(browserHere ? "a silent server" : "a silent server, skipped: no Chromium", () => {
  beforeAll(async () => {
    data = tempDir();
    await runPath(data.path, recordedLines().slice(0, 1_500));
    [browser, server] = await Promise.all([launch(), startServe(data.path)]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.child.stop();
    data?.[Symbol.dispose]();
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });

  const open = (path = ONE, options = {}) => openPage(browser, server.url + path, options);
  const text = (page: Page, selector: string) => page.locator(selector).innerText();
  const isLive = async (page: Page) => (await text(page, "#heard")).startsWith("updated");
  const isStale = (page: Page) => page.evaluate<boolean>("document.documentElement.hasAttribute('data-stale')");
  const iconOf = (page: Page) => page.evaluate<string>("document.getElementById('icon').href");

  test("a frozen server: stale within seconds, everywhere; when it runs again the page is live", async () => {
    const { page } = await open();
    await soon("the title has the price", async () => /^[\d,.]+ · BTC-USD · .* · Tidemark$/.test(await page.title()));
    const fresh = await iconOf(page);
    server.child.signal("SIGSTOP");
    try {
      await soon("stale", () => isStale(page));
      expect(await text(page, "#heard")).toMatch(/^STALE · last heard \d+ s ago$/);
      expect(await page.title()).toMatch(/^STALE · [\d,.]+ · BTC-USD/);
      expect(await iconOf(page)).not.toBe(fresh);
      const grey = "getComputedStyle(document.getElementById('main')).filter";
      expect(await page.evaluate<string>(grey)).toContain("grayscale");
      // The age grows: with it the browser gives this connection up.
      await soon("ten seconds", async () => /heard (1[1-9]|[2-9]\d) s/.test(await text(page, "#heard")));
    } finally {
      server.child.signal("SIGCONT");
    }
    await soon("live again", async () => !(await isStale(page)) && (await isLive(page)));
    expect(await page.title()).not.toContain("STALE");
    expect(await iconOf(page)).toBe(fresh);
  });

  test("a server that is away and comes back: the same page is live again, and new windows come", async () => {
    const { page } = await open();
    await page.evaluate("window.stayed = true");
    await soon("live", () => isLive(page));
    const port = Number(new URL(server.url).port);
    await server.child.stop();
    await soon("stale", () => isStale(page));
    server = await startServe(data.path, port);
    await soon("live again", async () => !(await isStale(page)) && (await isLive(page)));
    const before = await page.title();
    await runPath(data.path, recordedLines().slice(1_500, 1_900));
    await soon("another price", async () => (await page.title()) !== before);
    expect(await page.evaluate<boolean>("window.stayed")).toBe(true);
  });
});
