/** Metrics by product and time: the page of each, the API and the exports have the same rows. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { METRIC_ROWS_MAX } from "../../../scripts/base/limits.ts";
import { ROOT, recordedLines, tempDir } from "../../support/data.ts";
import { feed } from "../../support/health-states.ts";
import { run, until } from "../../support/process.ts";
import { type Served, served } from "../../support/served.ts";

setDefaultTimeout(120_000);

const OWN: Record<string, string> = {
  pairs: "SELECT product_id, count(*) AS n FROM ticks GROUP BY 1 ORDER BY 1",
  only_count: "SELECT count(*) AS n FROM ticks",
  largest:
    "SELECT product_id, price FROM ticks WHERE ($product IS NULL OR product_id = $product) ORDER BY price DESC LIMIT 3",
  long: `-- chart: line x=x y=v\nSELECT TIMESTAMP '2023-09-05' + INTERVAL (i) SECOND AS x, 'BTC-USD' AS product_id, i AS v
    FROM range(20000) AS r(i) ORDER BY x;\n`,
  quoted: "SELECT 'x''y; DROP' AS product_id, i AS n FROM range(3) AS r(i)",
  kinds: `SELECT * FROM (VALUES (9007199254740993::HUGEINT, DATE '2024-01-01', 'b', 1.10), (NULL, DATE 'infinity', NULL, 10.2),
    (9007199254740992::HUGEINT, DATE '0044-03-15 (BC)', 'a', 9.9), (-5::HUGEINT, DATE '20000-01-01', 'B', -0.5)) AS t(h, d, s, n)`,
  [`long_${"n".repeat(80)}`]: "SELECT 1 AS a",
};

let server: Served;
const sql = tempDir();
beforeAll(async () => {
  cpSync(join(ROOT, "sql/metrics"), sql.path, { recursive: true });
  for (const [name, text] of Object.entries(OWN)) writeFileSync(join(sql.path, `${name}.sql`), text);
  const lines = recordedLines().slice(0, 900);
  const eth = lines.slice(0, 300).map((line) => line.replaceAll("BTC-USD", "ETH-USD"));
  server = await served([...lines, ...eth], sql.path);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  sql[Symbol.dispose]();
});

const get = (path: string) => fetch(`${server.url}${path}`);
const html = async (path: string) => {
  const answer = await get(path);
  return { status: answer.status, text: await answer.text() };
};
const json = async (path: string) => {
  const answer = await get(path);
  const body = (await answer.json()) as {
    rows: Record<string, unknown>[];
    row_count: number;
    filter: { how: string } | null;
    error: { code: string; message: string };
  };
  return { status: answer.status, ...body };
};
const csv = async (path: string) => {
  const answer = await get(path);
  return { status: answer.status, lines: (await answer.text()).trimEnd().split("\n") };
};
/** The text of a page's cells in one column. */
const cells = (text: string, column: number) =>
  [...text.matchAll(/<tr>(.*?)<\/tr>/gs)].slice(1).map(([, row]) => {
    const [, cell = ""] = [...row!.matchAll(/<td[^>]*>(.*?)<\/td>/gs)][column] ?? [];
    return cell
      .replace(/<span class="short">.*?<\/span>/g, "")
      .replace(/<[^>]*>/g, "")
      .replaceAll(/(?<=\d),(?=\d{3})/g, "");
  });

test("a result with a column product_id is filtered, one with $product is computed, another is refused", async () => {
  const summary = await json("/api/metrics/summary_by_product?product=ETH-USD");
  expect([summary.filter, summary.row_count, summary.rows.map((row) => [row.product_id, row.trade_count])]).toEqual([
    { product: "ETH-USD", from: null, to: null, how: "filtered" } as never,
    1,
    [["ETH-USD", 300]],
  ]);
  const market = await json("/api/metrics/market_summary?product=ETH-USD");
  expect([market.filter?.how, market.rows.map((row) => [row.products, row.trade_count])]).toEqual([
    "computed",
    [[1, 300]],
  ]);
  expect((await json("/api/metrics/market_summary")).rows[0]).toMatchObject({ products: 2, trade_count: 1_200 });
  const refused = await json("/api/metrics/only_count?product=ETH-USD");
  expect([refused.status, refused.error.message]).toEqual([
    400,
    "only_count can't be shown by product: it has neither a column product_id nor $product.",
  ]);
  expect((await json("/api/metrics/pairs?from=2023-09-05")).error.message).toContain("can't be shown by time");
});

test("what a limit has cut off is found: the largest trades of one product are its own largest", async () => {
  const all = await json("/api/metrics/largest");
  const eth = await json("/api/metrics/largest?product=ETH-USD");
  expect([all.rows.length, eth.filter?.how, eth.rows.length]).toEqual([3, "computed", 3]);
  expect(eth.rows.every((row) => row.product_id === "ETH-USD")).toBe(true);
});

test("a span of time: rows by the chart's x, `from` inclusive and `to` exclusive; computed where x is not there", async () => {
  const span = "from=2023-09-05T16:01:00Z&to=2023-09-05T16:03:00Z";
  const candles = await json(`/api/metrics/candles_1m?product=BTC-USD&${span}`);
  expect(candles.rows.map((row) => row.start)).toEqual(["2023-09-05T16:02:00.000000Z", "2023-09-05T16:01:00.000000Z"]);
  const market = await json(`/api/metrics/market_summary?product=BTC-USD&${span}`);
  const trades = candles.rows.reduce((sum, row) => sum + Number(row.trade_count), 0);
  expect(market.rows[0]!.trade_count).toBe(trades);
  const within = await json("/api/metrics/market_summary?from=2023-09-05T16:01:30Z");
  expect([within.status, within.error.message]).toEqual([
    400,
    expect.stringContaining("market_summary sums whole minutes"),
  ]);
  for (const bad of [
    "from=2023-02-31",
    "from=2023-09-05&from=2023-09-06",
    "from=2023-09-06&to=2023-09-05",
    "limit=5&limit=7",
  ])
    expect([bad, (await json(`/api/metrics/candles_1m?${bad}`)).status]).toEqual([bad, 400]);
});

test("exports have the rows of the API, also those that the batch has cut", async () => {
  const eth = await csv("/export/metrics/summary_by_product.csv?product=ETH-USD");
  expect([eth.lines.length, eth.lines[1]!.startsWith("ETH-USD,")]).toEqual([2, true]);
  const market = await csv("/export/metrics/market_summary.csv?product=ETH-USD");
  expect(market.lines[1]).toContain(",300,");
  expect((await csv("/export/metrics/long.csv")).lines.length).toBe(20_001);
  // Ascending, so that the stored rows end before this hour.
  const cut = await csv("/export/metrics/long.csv?product=BTC-USD&from=2023-09-05T05:00:00Z&to=2023-09-05T06:00:00Z");
  expect([cut.lines.length, cut.lines[1]]).toEqual([2_001, "2023-09-05T05:00:00.000000Z,BTC-USD,18000"]);
  expect((await csv("/export/metrics/quoted.csv?product=x%27y%3B%20DROP")).lines.length).toBe(4);
  const parquet = await get("/export/metrics/quoted.parquet?product=x%27y%3B%20DROP");
  expect([parquet.status, (await parquet.arrayBuffer()).byteLength > 100]).toEqual([200, true]);
  const file = join(sql.path, "eth.parquet");
  await Bun.write(file, await get("/export/metrics/pairs.parquet?product=ETH-USD"));
  expect((await get("/export/metrics/only_count.csv?product=ETH-USD")).status).toBe(400);
});

test("a page for each metric: its rows in pages, sorted by each type's order, with its SQL and links", async () => {
  for (const name of ["candles_1m", "market_summary", ...Object.keys(OWN)])
    expect([name, (await html(`/metric/${name}`)).status]).toEqual([name, 200]);
  const { text } = await html("/metric/long");
  expect(text).toContain("Rows 1 to 200 of 10,000");
  expect(text).toContain(`only its first 10,000 rows are stored; the CSV and the Parquet have all.`);
  expect(cells(text, 2).length).toBe(200);
  const last = await html("/metric/long?page=50&sort=v&desc=1");
  expect(cells(last.text, 2).at(-1)).toBe("0");
  expect(last.text).toContain('aria-sort="descending"');
  expect(last.text).toContain('href="/metric/long?sort=v&amp;desc=1&amp;page=49"');
  expect([METRIC_ROWS_MAX, (await html("/metric/long?page=51")).status]).toEqual([10_000, 400]);
  const order = async (query: string, column: number) => cells((await html(`/metric/kinds?${query}`)).text, column);
  expect(await order("sort=h", 0)).toEqual(["-5", "9007199254740992", "9007199254740993", "–"]);
  expect(await order("sort=h&desc=1", 0)).toEqual(["9007199254740993", "9007199254740992", "-5", "–"]);
  expect(await order("sort=d", 1)).toEqual(["0044-03-15 (BC)", "2024-01-01", "20000-01-01", "infinity"]);
  expect(await order("sort=s", 2)).toEqual(["B", "a", "b", "–"]);
  expect(await order("sort=n", 3)).toEqual(["-0.5", "1.1", "9.9", "10.2"]);
  for (const bad of ["sort=nope", "desc=2", "page=0", "page=x", "page=2"])
    expect([bad, (await html(`/metric/kinds?${bad}`)).status]).toEqual([bad, 400]);
  expect((await html("/metric/nope")).status).toBe(404);
});

test("the page by product: a form without a program, what is computed is said, and several products together too", async () => {
  const market = await html("/metric/market_summary?product=ETH-USD");
  expect(market.text).toContain("computed for this product and time with the metric&#39;s SQL");
  expect(market.text).toContain('<option value="ETH-USD" selected');
  expect(cells(market.text, 4)).toEqual(["300"]);
  expect(market.text).toContain('href="/export/metrics/market_summary.csv?product=ETH-USD"');
  const page = await html("/?product=ETH-USD");
  const panelOf = (name: string) =>
    new RegExp(`<article[^>]*id="metric-${name}".*?</article>`, "s").exec(page.text)![0];
  const scopeOf = (name: string) => /<p class="scope">(.*?)<\/p>/.exec(panelOf(name))![1]!.replace(/<[^>]*>/g, "");
  expect(["market_summary", "largest", "vwap", "only_count"].map(scopeOf)).toEqual([
    "all 2 products together: ETH-USD alone",
    "all 2 products: ETH-USD alone",
    "ETH-USD, one of 2 products",
    "not by product",
  ]);
  const panel = panelOf("summary_by_product");
  expect([panel.includes("ETH-USD, one of 2 products"), cells(panel, 0)]).toEqual([true, ["ETH-USD"]]);
  const groups = [...page.text.matchAll(/<h3 class="metric-group">(.*?)<\/h3>/g)].map(([, name]) => name);
  expect(groups).toEqual([
    "How did prices move?",
    "Who bought, who sold?",
    "Do both pipelines agree?",
    "Is anything missing?",
    "Other metrics",
  ]);
});

test("a page that was made before is as of now, and else the same", async () => {
  const read = async () => (await html("/metric/pairs")).text.split(/as of (\d\d:\d\d:\d\d) UTC/);
  const [before, made, after] = await read();
  let now = await read();
  await until("another second", async () => {
    now = await read();
    return now[1] !== made;
  });
  expect([now[0], now[2], now.length]).toEqual([before, after, 3]);
});

test("a metric that fails now has its error and its last rows on its page; nothing is computed with its SQL", async () => {
  const answer = async () => (await get("/api/metrics/pairs")).text();
  const before = await answer();
  expect([await answer(), JSON.parse(before).error]).toEqual([before, null]);
  writeFileSync(join(sql.path, "pairs.sql"), "SELECT product_id, nothing FROM ticks WHERE product_id = $product");
  await run("batch", ["--data", server.data, "--sql", sql.path, "--metric", "pairs"]);
  // What was made of the run before is not sent again.
  expect(JSON.parse(await answer())).toMatchObject({
    error: expect.stringContaining("nothing"),
    rows: JSON.parse(before).rows,
  });
  const { text } = await html("/metric/pairs?product=ETH-USD");
  expect([text.includes("Binder Error"), text.includes("the last result that worked"), cells(text, 0)]).toEqual([
    true,
    true,
    ["ETH-USD"],
  ]);
  expect((await get("/export/metrics/pairs.parquet?product=ETH-USD")).status).toBe(404);
});

test("a chart has two rows: one is shown as it is", async () => {
  const isDrawn = async (name: string) =>
    (await html(`/metric/${name}?product=BTC-USD`)).text.includes('class="chart" id="chart-');
  // All ticks are of one hour.
  expect([await isDrawn("vwap"), await isDrawn("candles_1h"), await isDrawn("candles_1m")]).toEqual([
    false,
    false,
    true,
  ]);
  const { text } = await html("/");
  const panel = (name: string) => text.slice(text.indexOf(`id="metric-${name}"`)).split("</article>")[0]!;
  expect(panel("vwap")).toMatch(/^(?!.*(data-metric|the rows)).*<td.*1 row; a chart is drawn from two on/s);
  expect(panel("candles_1m")).toMatch(/data-metric=.*the rows/s);
  expect(panel("candles_1m")).not.toContain("is drawn from");
});

test("pages with figures of a replay have its sign, also one that was made before", async () => {
  const window = "/window/BTC-USD@2023-09-05T16:00/1m";
  const signs = async () => {
    const texts = [await html("/metric/only_count"), await html(window), await html("/")];
    return texts.map(({ status, text }) => [status, / REPLAY[^<]*/.exec(text)?.[0] ?? ""]);
  };
  expect(await signs()).toEqual([
    [200, ""],
    [200, ""],
    [200, ""],
  ]);
  writeFileSync(join(server.data, "kind.json"), '{"kind":"replay"}\n');
  feed(server.data, { kind: "replay", replay: { clock_us: 1, as_of_us: 1, speed: 60 } });
  expect(await signs()).toEqual(Array(3).fill([200, " REPLAY ×60"]));
});
