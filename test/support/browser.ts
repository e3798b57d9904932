/** Debian's Chromium, driven by playwright-core: a page that complains in its console fails its test. */
import { afterAll, afterEach, beforeAll, describe, setDefaultTimeout } from "bun:test";
import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { until } from "./process.ts";
import type { Served } from "./served.ts";

/** The headless shell is the same engine without windows: it takes half the CPU time. */
const PROGRAMS = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];
export const CHROMIUM = process.env.TIDEMARK_CHROMIUM ?? PROGRAMS.find((path) => existsSync(path)) ?? PROGRAMS[1]!;
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Whether a browser is here; in CI its absence is a failure, not a skip. */
export const browserHere = process.env.CI !== undefined || existsSync(CHROMIUM);

/** Longer than any machine needs: Playwright gives up after 30 s. */
const LIMIT_MS = 120_000;

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGS, timeout: LIMIT_MS });
}

/** A window of its own. */
export async function newContext(browser: Browser, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(LIMIT_MS);
  return context;
}

/** What the tests of a file share. */
interface Here {
  browser: Browser;
  server: Served;
  /** A new page at a path of the server. */
  open(path?: string, options?: Parameters<typeof openPage>[2]): ReturnType<typeof openPage>;
}

/** For a file's tests, and for what comes before them: longer than a wait in them. */
export const TEST_MS_MAX = 300_000;

/** A file's tests in one browser, before one server that `fill` starts. A test's pages end with it. */
export function inBrowser(name: string, fill: () => Promise<Served>, tests: (here: Here) => void): void {
  // A browser on two busy cores is slow; bun kills it with a test that times out.
  setDefaultTimeout(TEST_MS_MAX);
  describe.skipIf(!browserHere)(browserHere ? name : `${name}, skipped: no Chromium (apt install chromium)`, () => {
    const here = {
      open: (path = "/", options = {}) => openPage(here.browser, here.server.url + path, options),
    } as Here;
    beforeAll(async () => {
      here.browser = await launch();
      here.server = await fill();
    }, TEST_MS_MAX);
    afterAll(async () => {
      await here.browser?.close();
      await here.server?.[Symbol.asyncDispose]();
    });
    // A page that stays open draws each update of the tests after its own.
    afterEach(async () => {
      for (const context of here.browser.contexts()) await context.close();
    });
    tests(here);
  });
}

/** Until the page takes keys and clicks: the program of most pages starts after their first paint. */
export async function started(page: Page): Promise<void> {
  if ((await page.locator('script[src$="/main.js"]').count()) > 0)
    await page.locator("html[data-started]").waitFor({ state: "attached" });
}

/** Two frames: what was to be drawn is drawn. */
export const framesOf = (page: Page) =>
  page.evaluate(() => new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))));

/** For axe: a page that hears nothing for three seconds is pale, and a paused one is not. */
export async function pause(page: Page): Promise<void> {
  // By its key: nothing is scrolled or closed.
  await page.keyboard.press("p");
  await soon("paused", async () => (await text(page, "#heard")) === "paused");
}

/** A wait inside the page would need eval, which its policy forbids. */
export const soon = (what: string, isSo: () => Promise<boolean>) => until(what, isSo, { every_ms: 50 });
export const text = (page: Page, selector: string) => page.locator(selector).innerText();
export const isLive = async (page: Page) => (await text(page, "#heard")).startsWith("updated");

/** A new page, and what it complained of so far. */
export async function openPage(
  browser: Browser,
  url: string,
  options: { dark?: boolean; width?: number } = {},
): Promise<{ page: Page; complaints: string[] }> {
  const context = await newContext(browser, {
    viewport: { width: options.width ?? 1280, height: 900 },
    colorScheme: options.dark ? "dark" : "light",
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(url);
  await started(page);
  return { page, complaints };
}
