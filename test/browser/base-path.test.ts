/** The page below a path of another server, as nginx shows it, in a browser. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser } from "playwright-core";
import { browserHere, launch, openPage, TEST_MS_MAX } from "../support/browser.ts";
import { recordedLines, runPath, tempDir } from "../support/data.ts";
import { until } from "../support/process.ts";
import { startServe } from "../support/served.ts";

setDefaultTimeout(TEST_MS_MAX);

/** Shows `upstream` below /tidemark/; `removes` is proxy_pass with a path, which is removed. */
function proxy(upstream: string, removes: boolean) {
  const asked: [path: string, status: number][] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      if (!pathname.startsWith("/tidemark/")) {
        asked.push([pathname, 404]);
        return new Response("another site", { status: 404 });
      }
      const path = removes ? pathname.slice("/tidemark".length) : pathname;
      const headers = new Headers(request.headers);
      headers.set("Host", new URL(upstream).host);
      const answer = await fetch(`${new URL(upstream).origin}${path}${search}`, {
        headers,
        signal: request.signal,
        decompress: false,
        redirect: "manual",
      });
      asked.push([pathname, answer.status]);
      return new Response(answer.body, answer);
    },
  });
  return { url: `http://127.0.0.1:${server.port}/tidemark/`, asked, stop: () => server.stop(true) };
}

describe.skipIf(!browserHere)(browserHere ? "below a path" : "below a path, skipped: no Chromium", () => {
  const data = tempDir();
  let browser: Browser;
  let server: Awaited<ReturnType<typeof startServe>>;
  beforeAll(async () => {
    browser = await launch();
    await runPath(data.path, recordedLines().slice(0, 1_500));
    server = await startServe(data.path, 0, {}, ["--base-path", "/tidemark"]);
  }, TEST_MS_MAX);
  afterAll(async () => {
    await browser?.close();
    await server?.child.stop();
    data[Symbol.dispose]();
  });

  for (const removes of [false, true]) {
    test(`styles, programs, events and links work ${removes ? "with the path removed" : "with the path passed on"}`, async () => {
      const front = proxy(server.url, removes);
      const { page, complaints } = await openPage(browser, `${front.url}?product=BTC-USD`);
      const seen = (path: string) => front.asked.some(([asked]) => asked === `/tidemark${path}`);
      await until("events", () => seen("/events"));
      await until("the chart's windows", () => seen("/api/chart"));
      await page.locator("#main-chart canvas").first().waitFor();
      const links = await page.locator("a[href]").evaluateAll((all) => all.map((a) => (a as HTMLAnchorElement).href));
      const own = [...new Set(links.map((link) => new URL(link)).filter(({ origin }) => front.url.startsWith(origin)))];
      expect(own.length).toBeGreaterThan(5);
      expect(own.filter(({ pathname }) => !pathname.startsWith("/tidemark/")).map(String)).toEqual([]);
      await page.goto(`${front.url}metric/market_summary`);
      await page.goto(`${front.url}window/BTC-USD@2023-09-05T16:01/1m`);
      expect(await page.locator("h1").first().innerText()).not.toBe("");
      await page.context().close();
      expect(front.asked.filter(([path, status]) => !path.startsWith("/tidemark/") || status >= 400)).toEqual([]);
      expect(complaints).toEqual([]);
      front.stop();
    });
  }
});
