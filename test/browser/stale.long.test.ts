/** A page whose server is silent: it is never wrong in silence, and it recovers by itself. */
import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { inBrowser, isLive, soon, text } from "../support/browser.ts";
import { recordedLines } from "../support/data.ts";
import { freePort } from "../support/kafka.ts";
import { chartMetrics, served } from "../support/served.ts";

const fill = async () => served(recordedLines().slice(0, 1_500), chartMetrics(), await freePort());

inBrowser("a silent server", fill, (here) => {
  const open = () => here.open("/?product=BTC-USD&window=1m");
  const isStale = (page: Page) => page.evaluate<boolean>("document.documentElement.hasAttribute('data-stale')");
  const iconOf = (page: Page) => page.evaluate<string>("document.getElementById('icon').href");

  test("a frozen server: stale within seconds, everywhere; when it runs again the page is live", async () => {
    const { page } = await open();
    await soon("the title has the price", async () => /^[\d,.]+ · BTC-USD · .* · Tidemark$/.test(await page.title()));
    const fresh = await iconOf(page);
    here.server.signal("SIGSTOP");
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
      here.server.signal("SIGCONT");
    }
    // On a busy machine it may be stale for a moment again.
    const isFresh = async () => !(await page.title()).includes("STALE") && (await iconOf(page)) === fresh;
    await soon("live again, everywhere", async () => !(await isStale(page)) && (await isLive(page)) && isFresh());
  });

  test("a server that is away and comes back: the same page is live again, and new windows come", async () => {
    const { page } = await open();
    await page.evaluate("window.stayed = true");
    await soon("live", () => isLive(page));
    await here.server.restart(() => soon("stale", () => isStale(page)));
    await soon("live again", async () => !(await isStale(page)) && (await isLive(page)));
    const before = await page.title();
    await here.server.play(recordedLines().slice(1_500, 1_900));
    await soon("another price", async () => (await page.title()) !== before);
    expect(await page.evaluate<boolean>("window.stayed")).toBe(true);
  });
});
