/** Every path of docs/http.md over real files: its answers and its refusals. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { API_COLUMNS } from "../../../scripts/contract/window-columns.ts";
import { TickStore } from "../../../scripts/store/tick-store.ts";
import { EVIL, sqlite, troubledLines } from "../../support/data.ts";
import { type Served, served } from "../../support/served.ts";

let server: Served;
const get = (path: string, init?: RequestInit) => fetch(`${server.url}${path}`, init);
// biome-ignore lint/suspicious/noExplicitAny: the shape of an answer is what the test checks
const json = async (path: string): Promise<any> => (await get(path)).json();

beforeAll(async () => {
  server = await served(troubledLines(3_000));
}, 120_000);
afterAll(() => server[Symbol.asyncDispose]());

describe("answers", () => {
  test("/api/windows: newest first, exact, the replaced pipeline's columns first", async () => {
    const windows = await json("/api/windows?product=BTC-USD&limit=500");
    const starts = windows.map((w: { window_start: string }) => w.window_start);
    expect(starts).toEqual([...starts].sort().reverse());
    expect(Object.keys(windows[0])).toEqual(API_COLUMNS);
    expect(API_COLUMNS.slice(0, 12)).toEqual([
      "window_start",
      "window_end",
      "avg_price",
      "max_price",
      "min_price",
      "price_range",
      "volatility_flag",
      "total_volume",
      "trade_count",
      "buy_sell_ratio",
      "market_sentiment",
      "volume_spike",
    ]);
    expect(windows.at(-1)).toMatchObject({
      window_start: "2023-09-05T16:00:00.000000Z",
      trade_count: 238,
      price_sum: "6126200",
      total_volume: "8.40453046",
      final: 1,
      late: 1,
      missing: 0,
    });
    const some = await json("/api/windows?product=BTC-USD&from=2023-09-05T16:02:00Z&to=2023-09-05T16:04:00Z&window=1m");
    expect(some.map((w: { window_start: string }) => w.window_start.slice(11, 16))).toEqual(["16:03", "16:02"]);
    expect(await json("/api/windows?product=NONE")).toEqual([]);
  });

  test("outages that were filled later are not counted: those that are left are", async () => {
    const shown = async () => (await json("/api/status")).counts.outages;
    const note = (from_us: number, state: "opened" | "closed") => {
      const store = new TickStore(join(server.data, "ticks.db"));
      store.begin();
      const ids = { last_trade_id: from_us, first_trade_id: from_us + 2, missing: 1 };
      const gap = { product_id: "X-Y", state, from_us, to_us: from_us, ...ids, reason: "gap" };
      // What the log repeats of an open gap is one outage.
      for (let i = 0; i < 2; i++) store.gap(gap, 0, from_us);
      store.commit(new Map(), 0, new Map());
      store.close();
    };
    const before = await shown();
    for (const from_us of [1, 2, 3]) note(from_us, "opened");
    expect(await shown()).toBe(before + 3);
    note(2, "closed");
    expect(await shown()).toBe(before + 2);
    for (const from_us of [1, 3]) note(from_us, "closed");
    expect(await shown()).toBe(before);
    // A file that no consume of this version has opened has no such counter.
    sqlite(server.data, "ticks.db", "DELETE FROM counters WHERE name = 'outages'");
    expect(await shown()).toBe(before);
  });

  test("/api/status: offsets, lag 0, watermark, and counts of late, duplicate and malformed messages", async () => {
    const status = await json("/api/status");
    expect(status.log.partitions).toEqual([
      { partition: 0, start: 0, end: 3004, stream_next: 3004, consume_next: 3004 },
    ]);
    expect(status.counts).toMatchObject({ ticks: 3002, duplicates: 1, late: 1, dead_letters: 1, revisions: 1 });
    const btc = status.watermarks.find((w: { product_id: string }) => w.product_id === "BTC-USD");
    expect(Date.parse(btc.newest_event_time) - Date.parse(btc.watermark)).toBe(60_000);
    expect(status.stages.map((s: { name: string }) => s.name)).toEqual(["produce", "stream", "consume", "batch"]);
    expect(status.last_run).toMatchObject({ state: "done", ticks_total: 3002 });
  });

  test("/healthz: 503 with the reasons when stages don't run", async () => {
    const answer = await get("/healthz");
    expect(answer.status).toBe(503);
    expect((await answer.json()).problems).toContainEqual(
      expect.stringContaining("produce: nothing has been produced yet"),
    );
  });

  test("/api/metrics/NAME is the file's newest result, with its SQL", async () => {
    const metric = await json("/api/metrics/market_summary");
    expect(metric).toMatchObject({ name: "market_summary", ok: true, stale: false });
    expect(metric.rows[0]).toMatchObject({ trade_count: 3002 });
    expect(metric.sql).toContain("SELECT");
    const all = await json("/api/metrics/windows_by_minute");
    const rows = async (query: string) => (await json(`/api/metrics/windows_by_minute?${query}`)).rows;
    expect([await rows("limit=3"), await rows("last=2")]).toEqual([all.rows.slice(0, 3), all.rows.slice(-2)]);
    expect(all.row_count).toBe(all.rows.length);
  });

  test("/api/reconciliation: the late tick explains its window, nothing is unexplained", async () => {
    const r = await json("/api/reconciliation");
    expect(r).toMatchObject({ explained: 1, unexplained: 0, pending: 0 });
    expect(r.compared).toBe(r.equal + 1);
    expect(r.differences).toEqual([
      expect.objectContaining({ outcome: "explained", product_id: "BTC-USD", late_count: 1 }),
    ]);
  });

  test("/api/comparison: every measure with its definition, and the reason where it wasn't measured", async () => {
    const { words } = await json("/api/comparison?product=BTC-USD");
    const spans = (name: string) => [`${name}, last 5 minutes`, `${name}, since start`];
    expect(words.map((w: { word: string }) => w.word)).toEqual([
      ...spans("feed latency"),
      ...spans("ingest latency"),
      ...spans("pipeline latency"),
      "age, now",
      ...spans("age"),
      "lag, now",
      ...spans("lag"),
      ...spans("finality"),
      ...spans("completeness"),
      "completeness curve",
      "agreement",
      "clock offset",
      ...spans("cost"),
      "cost, all metrics",
      "cost, machine",
      "equal cost",
    ]);
    for (const { definition, stream, batch } of words) {
      expect(definition.length).toBeGreaterThan(20);
      for (const side of [stream, batch]) expect(side.values !== null || side.note.length > 5).toBe(true);
    }
    const complete = words.find((w: { word: string }) => w.word === "completeness, since start");
    // The late tick is in the log but not in its window's final row.
    const { share, ticks, lacking } = complete.stream.values;
    expect([lacking, share]).toEqual([1, ticks / (ticks + 1)]);
  });

  test("/api/lateness: the curve with the stream's setting in it, any size, and the smallest lateness for a share", async () => {
    const answer = await json("/api/lateness?product=BTC-USD&want=99.99%25");
    expect(answer).toMatchObject({ window: "1m", lateness_us: 60_000_000, since: null, want: "99.99%" });
    const current = answer.curve.find((one: { is_current: boolean }) => one.is_current);
    expect(current).toMatchObject({ lateness_us: 60_000_000, late_ticks: 1, ticks: 3_001, windows_revised: 1 });
    expect(answer.smallest.ticks.lateness_us).toBeGreaterThan(60_000_000);
    expect(await json("/api/lateness?product=BTC-USD&window=7s")).toMatchObject({ window_us: 7_000_000, want: null });
    const refused = ["product=NONE", "window=0s", "window=x", "want=99.99", "limit=1"];
    const statuses = await Promise.all(refused.map(async (query) => (await get(`/api/lateness?${query}`)).status));
    expect(statuses).toEqual([404, 400, 400, 400, 400]);
  });

  test("/metrics is Prometheus' text format", async () => {
    const text = await (await get("/metrics")).text();
    expect(text).toContain("# TYPE tidemark_ticks_total counter\ntidemark_ticks_total 3002");
    expect(text).toContain("# TYPE tidemark_outages gauge");
    expect(text).toContain('tidemark_stage_lag_records{stage="stream"} 0');
    expect(text).toContain('tidemark_reconciliation_windows{outcome="unexplained"} 0');
    expect(text).not.toContain("NaN");
  });

  test("downloads: CSV and Parquet of windows, ticks and a metric, with descriptive file names", async () => {
    const windows = await get("/export/windows.csv?product=BTC-USD");
    expect(windows.headers.get("content-disposition")).toMatch(
      /attachment; filename="tidemark_windows_BTC-USD_\d{4}-\d\d-\d\dT\d{4}Z\.csv"/,
    );
    const lines = (await windows.text()).trimEnd().split("\n");
    expect(lines[0]).toBe(API_COLUMNS.join(","));
    expect(lines.length).toBe(1 + (await json("/api/windows?product=BTC-USD&limit=500")).length);
    const ticks = (await (await get("/export/ticks.csv?product=BTC-USD&to=2023-09-05T16:01:00Z")).text())
      .trimEnd()
      .split("\n");
    expect(ticks.length).toBe(1 + 239);
    for (const path of ["/export/ticks.parquet", "/export/windows.parquet", "/export/metrics/market_summary.parquet"]) {
      const answer = await get(path);
      const bytes = new Uint8Array(await answer.arrayBuffer());
      expect([answer.status, new TextDecoder().decode(bytes.slice(0, 4))]).toEqual([200, "PAR1"]);
    }
    const metric = await (await get("/export/metrics/market_summary.csv")).text();
    expect(metric).toStartWith(
      "avg_price,max_price,min_price,total_volume,trade_count,buy_count,sell_count,price_range,volatility_flag,market_sentiment,volume_spike,buy_sell_ratio",
    );
  }, 120_000);

  test("the page is HTML with every section, and the files it names exist", async () => {
    const answer = await get("/");
    const html = await answer.text();
    const sections =
      "How soon?|Do they agree?|What differs?|How old is each answer?|How long to wait?|How long does a batch run take?";
    const more = "Which way?|Newest closed windows|What is measured|Counts|Try this|market_summary";
    for (const text of `${sections}|${more}`.split("|")) expect(html).toContain(text);
    expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
    const files = [...html.matchAll(/(?:src|href|worker)="(\/static\/[^"]+)"/g)].map((match) => match[1]!);
    const names = "icon.svg icon-stale.svg main.js tab-worker.js";
    expect(files.map((file) => file.split("/").at(-1)!)).toEqual(names.split(" "));
    for (const file of files) expect([file, (await get(file)).status]).toEqual([file, 200]);
  });

  test("names from outside are escaped everywhere", async () => {
    const html = await (await get(`/?product=${encodeURIComponent(EVIL)}`)).text();
    expect(html).not.toContain("<img src=x");
    expect(html).toContain("&quot;&gt;&lt;img src=x");
    const csv = await (await get("/export/windows.csv")).text();
    expect(csv).toContain('"""><img src=x onerror=alert(1)>"');
  });
});

describe("refusals", () => {
  const BAD: [path: string, status: number, words: string][] = [
    ["/nothing", 404, "There is nothing at /nothing"],
    ["/api/windows?limit=0", 400, 'limit is "0"'],
    ["/api/windows?limit=1e9", 400, "whole number"],
    ["/api/windows?from=yesterday", 400, 'from is "yesterday"'],
    ["/api/windows?window=7", 400, 'window is "7"'],
    ["/api/windows?produkt=BTC-USD", 400, 'Unknown parameter "produkt"'],
    [`/api/windows?product=${"x".repeat(100)}`, 400, "at most 64 characters"],
    ["/?window=7m", 404, "no windows of 7m"],
    ["/api/metrics/none", 404, 'No result for metric "none" yet'],
    ["/api/metrics/..%2f..%2fetc%2fpasswd", 404, "No result for metric"],
    ["/export/passwd.csv", 404, "no such download"],
    ["/export/ticks.exe", 404, "no such download"],
    ["/export/metrics/none.csv", 404, "No result for metric"],
    ["/static/..%2f..%2f/package.json", 404, "no such file"],
    ["/static/000000000000/app.js", 404, "no such file"],
    ["/events?window=x", 400, 'window is "x"'],
  ];
  for (const [path, status, words] of BAD) {
    test(`${path.slice(0, 60)} is ${status} with a sentence`, async () => {
      const answer = await get(path);
      expect(answer.status).toBe(status);
      const { error } = await answer.json();
      expect(Object.keys(error)).toEqual(["code", "message", "hint"]);
      expect(error.message).toContain(words);
    });
  }

  test("only GET and HEAD", async () => {
    for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
      const answer = await get("/api/windows", { method });
      expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    }
    expect((await get("/api/status", { method: "HEAD" })).status).toBe(200);
  });

  test("a foreign Host is 421, ours in every spelling is not", async () => {
    const port = new URL(server.url).port;
    const status = async (host: string) => (await get("/api/status", { headers: { Host: host } })).status;
    for (const host of [
      "evil.com",
      `evil.com:${port}`,
      `127.0.0.1.evil.com:${port}`,
      `localhost.evil.com:${port}`,
      "tidemark.lan",
      `user@127.0.0.1:${port}`,
      `[::2]:${port}`,
      `0.0.0.0:${port}`,
    ]) {
      expect([host, await status(host)]).toEqual([host, 421]);
    }
    const ours = [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`];
    // docker -p and ssh -L show the port as another; a loopback name is never another site's.
    for (const host of [...ours, "127.0.0.1", "localhost:9000", "127.0.0.1:1", "page.localhost", "127.1.2.3:80"])
      expect([host, await status(host)]).toEqual([host, 200]);
  });

  test("a port in use and a host that isn't ours are one sentence each, exit 1 and 2", async () => {
    const { run } = await import("../../support/process.ts");
    const used = await run("serve", ["--data", server.data, "--port", new URL(server.url).port]);
    expect(used.code).toBe(1);
    expect(used.stderr).toContain("is in use by another process");
    const foreign = await run("serve", ["--data", server.data, "--port", "0", "--host", "203.0.113.7"]);
    expect(foreign.code).toBe(2);
    expect(foreign.stderr).not.toContain("    at ");
  });
});

test("serve over an empty directory answers every path, or states what is missing", async () => {
  await using empty = await served([]);
  const status = async (path: string) => (await fetch(`${empty.url}${path}`)).status;
  expect(await status("/")).toBe(200);
  expect(await status("/api/status")).toBe(200);
  expect(await (await fetch(`${empty.url}/api/windows`)).json()).toEqual([]);
  expect(await status("/api/reconciliation")).toBe(404);
  expect(await status("/api/comparison")).toBe(200);
  expect(await status("/metrics")).toBe(200);
  expect(await status("/healthz")).toBe(503);
  expect(await status("/export/ticks.csv")).toBe(503);
  expect(empty.said()).toBe("");
});
