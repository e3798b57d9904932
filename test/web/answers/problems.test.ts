/** Refusals over real HTTP: a page for a browser, JSON for programs, with the same sentence. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import type { LogView } from "../../../web/model/log-view.ts";
import { type Served, serve } from "../../../web/server.ts";
import { quiet, tempDir } from "../../support/data.ts";
import { feed } from "../../support/health-states.ts";

/** What Chromium sends for a link that is followed. */
const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
const data = tempDir();
let isBroken = false;
const log: LogView = {
  name: "embedded:",
  last: { spans: null, asked_us: null, error: null, away_us: null },
  async refresh() {
    if (isBroken) throw new Error("a fault <of> ours");
  },
};
let server: Served;

beforeAll(() => {
  server = serve(dataPaths(data.path), { host: "127.0.0.1", port: 0, log, logger: quiet });
});
afterAll(async () => {
  await server.stop();
  data[Symbol.dispose]();
});

const ask = (path: string, accept: string, init: RequestInit = {}) =>
  fetch(new URL(path, server.url), { ...init, headers: { ...init.headers, Accept: accept } });
const escaped = (text: string) => text.replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** The JSON refusal of a path, after checking that a browser gets a page with the same words. */
async function refusal(path: string, status: number, init: RequestInit = {}): Promise<Record<string, string>> {
  const [json, html] = [await ask(path, "*/*", init), await ask(path, BROWSER, init)];
  expect([json.status, html.status]).toEqual([status, status]);
  expect(json.headers.get("content-type")).toBe("application/json");
  expect(html.headers.get("content-type")).toBe("text/html; charset=UTF-8");
  const { error } = (await json.json()) as { error: Record<string, string> };
  expect(Object.keys(error)).toEqual(["code", "message", "hint"]);
  const page = await html.text();
  expect(page).toStartWith("<!doctype html>");
  for (const text of [error.message!, error.hint!]) expect(page.replaceAll("&#39;", "'")).toContain(escaped(text));
  for (const answer of [json, html]) {
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
  }
  // What is painted first waits for no other answer: script and styles are in the page, by their hash.
  const inline = [...page.matchAll(/<(style|script)>(.*?)<\/\1>/gs)].map(([, kind, text]) => {
    const hash = new Bun.CryptoHasher("sha256").update(text!).digest("base64");
    return `${kind}-src 'self' 'sha256-${hash}';`;
  });
  expect(inline).toHaveLength(2);
  for (const rule of inline) expect(html.headers.get("content-security-policy")).toContain(rule);
  return error;
}

describe("a browser gets a page with the sentence of the JSON", () => {
  test("400: an unknown parameter", async () => {
    expect(await refusal("/?produkt=BTC-USD", 400)).toMatchObject({ message: 'Unknown parameter "produkt".' });
  });

  test("404: no such path; its name can't become markup", async () => {
    const { message } = await refusal("/nothing<b>", 404);
    expect(message).toContain("/nothing");
    expect(await (await ask("/nothing<img src=x>", BROWSER)).text()).not.toContain("<img");
  });

  test("404: a product that neither the stream nor the feed has, wherever one is selected", async () => {
    // Nothing is stored yet: any product may come.
    expect((await ask("/?product=SOL-USD", BROWSER)).status).toBe(200);
    feed(data.path, { products: ["BTC-USD", "ETH-USD"] });
    for (const path of ["/", "/api/chart", "/api/comparison", "/events"]) {
      expect((await ask(`${path}?product=ETH-USD`, "*/*", { method: "HEAD" })).status).toBe(200);
      const answer = await ask(`${path}?product=NOPE`, "*/*");
      const { message, hint } = ((await answer.json()) as { error: Record<string, string> }).error;
      const said = ["The stream has no ticks of NOPE.", "Products: BTC-USD, ETH-USD."];
      expect([path, answer.status, message, hint]).toEqual([path, 404, ...said]);
    }
    rmSync(join(data.path, "feed.json"));
  });

  test("404: a window size that the stream does not have", async () => {
    expect(await refusal("/?window=7m", 404)).toMatchObject({
      code: "NO_DATA",
      message: "The stream has no windows of 7m.",
    });
  });

  test("405: with the methods that are allowed", async () => {
    expect(await refusal("/", 405, { method: "POST" })).toMatchObject({ code: "USAGE" });
    for (const accept of ["*/*", BROWSER]) {
      const answer = await ask("/", accept, { method: "DELETE" });
      expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    }
  });

  test("421: a foreign Host", async () => {
    expect(await refusal("/", 421, { headers: { Host: "evil.com" } })).toMatchObject({ code: "HOST" });
  });

  test("500: a fault of ours is one sentence, without a stack trace", async () => {
    isBroken = true;
    try {
      expect(await refusal("/", 500)).toMatchObject({ code: "INTERNAL", message: "a fault <of> ours" });
      expect(await (await ask("/", BROWSER)).text()).not.toContain("    at ");
    } finally {
      isBroken = false;
    }
  });

  test("503: a download whose file can't be read", async () => {
    const file = join(data.path, "windows.db");
    writeFileSync(file, Buffer.alloc(65_536, 7));
    try {
      const { code, message } = await refusal("/export/windows.csv", 503);
      expect([code, message]).toEqual(["STORE_CORRUPT", expect.stringContaining("windows.db is damaged")]);
    } finally {
      rmSync(file);
    }
  });
});

test("paths for programs refuse in JSON, also to a browser", async () => {
  const paths = [
    "/api/windows?limit=0",
    "/api/nothing",
    "/events?window=x",
    "/healthz?a=1",
    "/metrics?a=1",
    "/static/0/a.js",
  ];
  for (const path of paths) {
    const answer = await ask(path, BROWSER);
    expect([path, answer.headers.get("content-type")]).toEqual([path, "application/json"]);
    expect(Object.keys((await answer.json()).error)).toEqual(["code", "message", "hint"]);
  }
  const posted = await ask("/api/windows", BROWSER, { method: "POST" });
  expect([posted.status, posted.headers.get("content-type")]).toEqual([405, "application/json"]);
});
