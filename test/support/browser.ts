/** Debian's Chromium, driven by playwright-core: a page that complains in its console fails its test. */
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

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

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGS });
}

/** A new page, and what it complained of so far. */
export async function openPage(
  browser: Browser,
  url: string,
  options: { dark?: boolean; width?: number } = {},
): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({
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
  return { page, complaints };
}
