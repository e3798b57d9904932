/** HTTP(S)_PROXY: the socket and REST use the proxy, this machine never does; no password is printed. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { feedSocket, isLoopback, routeTo } from "../../scripts/feed/proxy.ts";
import { rowsOf, tempDir } from "../support/data.ts";
import { exchange } from "../support/feed.ts";
import { httpProxy } from "../support/http-proxy.ts";
import { run } from "../support/process.ts";

/** Every spelling is set, so that the machine's own environment has no influence. */
const NONE = {
  ...{ HTTP_PROXY: "", http_proxy: "", HTTPS_PROXY: "", https_proxy: "", ALL_PROXY: "", all_proxy: "" },
  ...{ NO_PROXY: "", no_proxy: "" },
};
const WSS = "wss://ws-feed.exchange.coinbase.com";

test("which proxy an address has: by scheme, lower case first, empty is unset, ALL_PROXY last", () => {
  const cases: [string, Record<string, string>, string][] = [
    [WSS, {}, ""],
    [WSS, { HTTPS_PROXY: "http://a:1" }, "http://a:1 (HTTPS_PROXY)"],
    [WSS, { HTTPS_PROXY: "http://a:1", https_proxy: "http://b:2" }, "http://b:2 (https_proxy)"],
    [WSS, { https_proxy: "", HTTPS_PROXY: "  http://a:1 " }, "http://a:1 (HTTPS_PROXY)"],
    [WSS, { HTTP_PROXY: "http://a:1" }, ""],
    [WSS, { ALL_PROXY: "http://c:3" }, "http://c:3 (ALL_PROXY)"],
    [WSS, { all_proxy: "c:3" }, "http://c:3 (all_proxy)"],
    ["ws://feed.test", { HTTP_PROXY: "http://a:1", HTTPS_PROXY: "http://b:2" }, "http://a:1 (HTTP_PROXY)"],
    ["http://feed.test", { http_proxy: "https://a:1" }, "https://a:1 (http_proxy)"],
    ["https://feed.test", { HTTPS_PROXY: "proxy.corp:3128" }, "http://proxy.corp:3128 (HTTPS_PROXY)"],
  ];
  for (const [address, env, shown] of cases)
    expect([address, env, routeTo(address, env).shown]).toEqual([address, env, shown]);
});

test("user and password go to the proxy and are never shown, also when the value is wrong", () => {
  const route = routeTo(WSS, { HTTPS_PROXY: "http://user:p%40ss@proxy:3128" });
  expect(route).toEqual({ url: "http://user:p%40ss@proxy:3128/", shown: "http://proxy:3128 (HTTPS_PROXY)" });
  for (const value of ["socks5://user:p%40ss@proxy:1080", "http://user:p%40ss@proxy:port", "ftp://user:p%40ss@x"]) {
    let said = "";
    try {
      routeTo(WSS, { ALL_PROXY: value });
    } catch (error) {
      said = `${(error as Error).message} ${(error as { hint: string }).hint}`;
    }
    expect(said).toContain("ALL_PROXY");
    expect(said).not.toContain("p%40ss");
    expect(said).not.toContain("user:");
  }
});

test("no_proxy lists: domains, ports, networks, IPv6, *", () => {
  const cases: [string, string, boolean][] = [
    ["feed.example.com", "example.com", true],
    ["feed.example.com", ".example.com", true],
    ["feed.example.com", "*.example.com", true],
    ["example.com", ".example.com", true],
    ["badexample.com", "example.com", false],
    ["feed.example.com", "other.com, Feed.Example.COM", true],
    ["feed.example.com", "other.com feed.example.com", true],
    ["feed.example.com", "*", true],
    ["feed.example.com", "", false],
    ["feed.example.com:8443", "example.com:8443", true],
    ["feed.example.com:8443", "example.com:443", false],
    ["feed.example.com", "example.com:443", true],
    ["feed.example.com", "example.com.", true],
    ["10.1.2.3", "10.0.0.0/8", true],
    ["11.1.2.3", "10.0.0.0/8", false],
    ["feed.example.com", "10.0.0.0/8", false],
    ["[2001:db8::1]", "2001:db8::1", true],
    ["[2001:db8::1]:8443", "[2001:db8::1]:8443", true],
    ["[2001:db8::2]", "2001:db8::1", false],
  ];
  for (const [host, no_proxy, isDirect] of cases) {
    const { url } = routeTo(`wss://${host}`, { HTTPS_PROXY: "http://a:1", no_proxy });
    expect([host, no_proxy, url === ""]).toEqual([host, no_proxy, isDirect]);
  }
});

test("this machine is never reached through a proxy", () => {
  const hosts = [
    "localhost",
    "LOCALHOST",
    "app.localhost",
    "127.0.0.1",
    "127.8.9.1",
    "[::1]",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
  ];
  for (const host of hosts) {
    expect(isLoopback(new URL(`ws://${host}`).hostname)).toBe(true);
    expect(routeTo(`ws://${host}:8400`, { HTTP_PROXY: "http://a:1", ALL_PROXY: "http://a:1" }).url).toBe("");
  }
  for (const host of ["feed.test", "128.0.0.1", "localhost.example.com", "[::2]"])
    expect(isLoopback(new URL(`ws://${host}`).hostname)).toBe(false);
});

const produceArgs = (data: string, feed: string) => [
  ...["--data", data, "--feed", feed, "--channel", "matches", "--until-end", "--json"],
];

test("produce behind a proxy with a password: trades by CONNECT, gaps and the time from REST through it, nothing of the password anywhere", async () => {
  await using server = exchange({ trades: 300, faults: { drop_ids: [100, 101] }, linger_ms: 2_000 });
  await using proxy = await httpProxy({ login: "user:s3cret" });
  using dir = tempDir();
  const feed = server.url.replace("127.0.0.1", "feed.test");
  const ran = await run("produce", [...produceArgs(dir.path, feed), "--verbose"], { ...NONE, HTTP_PROXY: proxy.url });
  expect([ran.code, ran.stderr]).toEqual([0, expect.any(String)]);
  expect(ran.json).toMatchObject({ ticks: 298, filled: 2, unfillable: 0, reconnects: 0 });
  expect(proxy.requests).toContain(`CONNECT ${new URL(feed).host}`);
  expect(proxy.requests).toContain(`GET http://${new URL(feed).host}/time`);
  expect(proxy.requests.some((one) => one.startsWith(`GET http://${new URL(feed).host}/products/`))).toBe(true);
  const status = readFileSync(join(dir.path, "feed.json"), "utf8");
  expect(JSON.parse(status)).toMatchObject({ proxy: `http://127.0.0.1:${proxy.port} (HTTP_PROXY)`, time_failed: 0 });
  for (const text of [ran.stdout, ran.stderr, status]) expect(text).not.toContain("s3cret");
}, 120_000);

test("a replay on this machine beside HTTP_PROXY and ALL_PROXY: neither the socket nor REST goes through them", async () => {
  await using server = exchange({ trades: 300, faults: { drop_ids: [100] }, linger_ms: 2_000 });
  using dir = tempDir();
  const dead = "http://127.0.0.1:1";
  const env = { ...NONE, HTTP_PROXY: dead, HTTPS_PROXY: dead, ALL_PROXY: dead };
  const ran = await run("produce", produceArgs(dir.path, server.url), env);
  expect(ran.json).toMatchObject({ ticks: 299, filled: 1, unfillable: 0 });
  expect(JSON.parse(readFileSync(join(dir.path, "feed.json"), "utf8")).time_failed).toBe(0);
  const stored = await run("consume", ["--data", dir.path, "--until-end", "--json"], env);
  expect(stored.json).toMatchObject({ inserted: 300 });
  expect(rowsOf<object>(dir.path, "ticks.db", "SELECT * FROM outages")).toEqual([]);
}, 120_000);

test("a proxy that is away, or asks for a password, is named in the reason", async () => {
  await using server = exchange({ trades: 10 });
  await using locked = await httpProxy({ login: "user:s3cret" });
  const feed = server.url.replace("127.0.0.1", "feed.test");
  for (const proxy of ["http://127.0.0.1:1", `http://user:wrong-s3cret@127.0.0.1:${locked.port}`]) {
    using dir = tempDir();
    const child = run("record", [join(dir.path, "x.jsonl"), "--feed", feed, "--for", "1s"], {
      ...NONE,
      HTTP_PROXY: proxy,
    });
    const { code, stderr } = await child;
    expect(code).toBe(1);
    expect(stderr).toContain(`through the proxy http://${new URL(proxy).host} (HTTP_PROXY)`);
    expect(stderr).not.toContain("s3cret");
  }
}, 120_000);

test("feedSocket reaches the feed through the proxy of this process's environment", async () => {
  await using server = exchange({ trades: 10 });
  await using proxy = await httpProxy();
  const before = process.env.HTTP_PROXY;
  process.env.HTTP_PROXY = proxy.url;
  try {
    for (const [host, asked] of [
      ["feed.test", 1],
      ["127.0.0.1", 1],
    ] as const) {
      const socket = feedSocket(server.url.replace("127.0.0.1", host));
      const opened = await new Promise((resolve) => {
        socket.onopen = () => resolve(true);
        socket.onerror = () => resolve(false);
      });
      socket.close();
      expect([host, opened, proxy.requests.length]).toEqual([host, true, asked]);
    }
  } finally {
    if (before === undefined) delete process.env.HTTP_PROXY;
    else process.env.HTTP_PROXY = before;
  }
});
