/** serve behind a proxy: another port, another name (--allow-host), another path (--base-path). */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { hostname } from "node:os";
import { basePathFlag } from "../../../scripts/command/flags.ts";
import { rebased, withoutBase } from "../../../web/http/base-path.ts";
import { recordedLines, runPath, tempDir } from "../../support/data.ts";
import { startServe } from "../../support/served.ts";

const data = tempDir();
let server: Awaited<ReturnType<typeof startServe>>;
beforeAll(async () => {
  await runPath(data.path, recordedLines().slice(0, 500));
  const names = ["--allow-host", "tidemark", "--allow-host", "a.example,B.example"];
  server = await startServe(data.path, 0, {}, ["--base-path", "tidemark/", ...names]);
}, 120_000);
afterAll(async () => {
  await server.child.stop();
  data[Symbol.dispose]();
});

const origin = () => new URL(server.url).origin;
const get = (path: string, init?: RequestInit) => fetch(`${origin()}${path}`, init);

describe("--base-path /tidemark", () => {
  test("serve prints the address with the path, which is the page", async () => {
    expect(server.url).toBe(`${origin()}/tidemark`);
    expect(await (await get("/tidemark/")).text()).toContain("<title>");
    // Without its last slash, what the page asks for would be beside the path.
    const led = await get("/tidemark?product=BTC-USD", { redirect: "manual" });
    expect([led.status, led.headers.get("location")]).toEqual([308, "/tidemark/?product=BTC-USD"]);
    // Not a part of another name.
    expect((await get("/tidemarks/api/status")).status).toBe(404);
  });

  test("each address on each page begins with the path, and each file of it is there", async () => {
    const pages = ["/", "/metric/market_summary", "/window/BTC-USD@2023-09-05T16:00/1m"];
    for (const from of [...pages, ...pages.map((page) => `/tidemark${page}`)]) {
      const answer = await get(from);
      const html = await answer.text();
      expect([from, answer.status]).toEqual([from, 200]);
      expect(html).toMatch(/^<!doctype html><html [^>]*data-base="\/tidemark"/);
      // By any attribute: one that base-path.ts does not know fails here.
      const addresses = [...html.matchAll(/ [\w:-]+="(\/[^"]*)"/g)].map(([, url]) => url!);
      expect(addresses.length).toBeGreaterThan(3);
      expect(addresses.filter((url) => !`${url}/`.startsWith("/tidemark/"))).toEqual([]);
      const files = addresses.filter((url) => url.startsWith("/tidemark/static/"));
      for (const url of files) expect([url, (await get(url)).status]).toEqual([url, 200]);
    }
  });

  test("API, exports and events answer below the path, and without it for a proxy that removes it", async () => {
    for (const path of ["/api/status", "/api/windows?limit=1", "/export/windows.csv", "/metrics"]) {
      expect([path, (await get(`/tidemark${path}`)).status]).toEqual([path, 200]);
      expect([path, (await get(path)).status]).toEqual([path, 200]);
    }
  });

  test("a refusal for a browser leads back to the page below the path", async () => {
    const answer = await get("/tidemark/nothing", { headers: { Accept: "text/html" } });
    expect([answer.status, (await answer.text()).match(/<a href="([^"]*)">Back/)?.[1]]).toEqual([404, "/tidemark/"]);
  });

  test("HEAD and the exports still have no time limit: the request is Bun's own", async () => {
    const head = await get("/tidemark/export/ticks.parquet", { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, null]);
  });
});

test("--allow-host: these names on any port, and no others", async () => {
  const status = async (Host: string) => (await get("/api/status", { headers: { Host } })).status;
  for (const host of ["tidemark", "tidemark:8321", "TIDEMARK:80", "a.example", "b.example:443"])
    expect([host, await status(host)]).toEqual([host, 200]);
  const noAddresses = ["127.999.1.1", "localhost:99999", "tidemark:99999", "[::1:80"];
  for (const host of ["evil.com", "x.tidemark", "tidemark.evil.com", "example", ...noAddresses])
    expect([host, await status(host)]).toEqual([host, 421]);
  const refused = await get("/api/status", { headers: { Host: "page.lan:9000" } });
  expect((await refused.json()).error.hint).toContain("--allow-host page.lan");
});

test("on every address of the machine any address and its own name are answered for, on any port", async () => {
  using dir = tempDir();
  const env = { TIDEMARK_ALLOW_HOST: "compose,page.lan" };
  const everywhere = await startServe(dir.path, 0, env, ["--host", "0.0.0.0"]);
  try {
    const status = async (Host: string) => (await fetch(`${everywhere.url}/api/status`, { headers: { Host } })).status;
    for (const host of ["localhost:9000", "192.168.1.5:9000", "[fe80::1]:80", hostname(), "compose:8321", "page.lan"])
      expect([host, await status(host)]).toEqual([host, 200]);
    for (const host of ["0.0.0.0:9000", "evil.com"]) expect([host, await status(host)]).toEqual([host, 421]);
  } finally {
    await everywhere.child.stop();
  }
});

test("only addresses of our own are rebased; text never is", () => {
  const base = "/t";
  expect(rebased('<a href="/x" title="/x">href="/y"</a>', base)).toBe('<a href="/t/x" title="/x">href="/y"</a>');
  expect(rebased('<a href="//cdn/x"><a href="https://x/"><a href="#x">', base)).toBe(
    '<a href="//cdn/x"><a href="https://x/"><a href="#x">',
  );
  expect(rebased('<i hx-get="/part?a=1" data-src="/x">', base)).toBe('<i hx-get="/t/part?a=1" data-src="/t/x">');
  expect(rebased("<!doctype html><html lang>", base)).toBe('<!doctype html><html data-base="/t" lang>');
  expect(rebased('<a href="/x">', "")).toBe('<a href="/x">');
  expect(["/t", "/t/", "/t/a", "/tt", "/"].map((path) => withoutBase(path, base))).toEqual([
    "/",
    "/",
    "/a",
    "/tt",
    "/",
  ]);
});

test("--base-path takes a path with or without slashes, and refuses what is none", () => {
  for (const text of ["/tidemark", "tidemark", "/tidemark/", "//tidemark//"])
    expect(basePathFlag(text)).toBe("/tidemark");
  expect([basePathFlag("/"), basePathFlag("/a/b-c")]).toEqual(["", "/a/b-c"]);
  for (const text of ["/a b", 'a"b', "/..", "/a/../b", "/a?b", "http://x"])
    expect(() => basePathFlag(text), text).toThrow("Give a path");
});
