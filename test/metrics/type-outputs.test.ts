/** Every DuckDB type on a metric's page, and as x and y of every kind of chart. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Column, Row } from "../../scripts/contract/results.ts";
import { chartOf } from "../../scripts/metrics/chart-header.ts";
import { layOut, rangeOf } from "../../web/public/chart-layout.ts";
import { batched } from "../support/batch.ts";
import { startServe } from "../support/served.ts";
import { VALUES } from "../support/type-values.ts";

setDefaultTimeout(120_000);

/** Columns of one metric, so that its page shows all of them. */
const HALF = Math.ceil(VALUES.length / 2);
const HALVES = { types_0: VALUES.slice(0, HALF), types_1: VALUES.slice(HALF) };
const selectOf = (values: typeof VALUES) => `SELECT ${values.map(([sql], i) => `${sql} AS c${i}`).join(", ")}`;

let data: Awaited<ReturnType<typeof batched>>;
let server: Awaited<ReturnType<typeof startServe>>;
beforeAll(async () => {
  data = await batched(Object.fromEntries(Object.entries(HALVES).map(([name, values]) => [name, selectOf(values)])));
  server = await startServe(data.path);
});
afterAll(async () => {
  await server?.child.stop();
  data?.[Symbol.dispose]();
});

const answerOf = async (name: string) =>
  (await (await fetch(`${server.url}/api/metrics/${name}`)).json()) as { columns: Column[]; rows: Row[] };
const isNumber = (type: string) =>
  /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL|DOUBLE|FLOAT|BIGNUM)[^[]*$/.test(type);
const unescaped = (html: string) =>
  html
    .replace(/<[^>]*>/g, "")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&amp;", "&");

/** What a cell of the page has: the JSON's text, times as people write them, numbers in groups. */
function shown(json: unknown, type: string): string {
  if (json === null) return "–";
  if (typeof json === "object") return JSON.stringify(json);
  if (type.startsWith("TIMESTAMP"))
    return String(json)
      .replace("T", " ")
      .replace(/(\.0+)?Z$/, "");
  return String(json);
}

test("a page has each value exactly", async () => {
  for (const [name, values] of Object.entries(HALVES)) {
    const { columns, rows } = await answerOf(name);
    const html = await (await fetch(`${server.url}/metric/${name}`)).text();
    const cells = [.../<tbody>(.*?)<\/tbody>/s.exec(html)![1]!.matchAll(/<td[^>]*>(.*?)<\/td>/gs)].map(([, cell]) =>
      unescaped(/<span class="all">(.*?)<\/span>/s.exec(cell!)?.[1] ?? cell!),
    );
    for (const [i, [sql, json]] of values.entries()) {
      const { type } = columns[i]!;
      const text = isNumber(type) ? cells[i]!.replaceAll(",", "") : cells[i];
      expect([sql, text, rows[0]![`c${i}`]]).toEqual([sql, shown(json, type), json as never]);
    }
  }
});

test("each value is x of a line and a bar, y of every chart of numbers, or is refused by its type", async () => {
  for (const [name, values] of Object.entries(HALVES)) {
    const { columns, rows } = await answerOf(name);
    for (const [i, [sql]] of values.entries()) {
      const [column, value] = [columns[i]!, rows[0]![`c${i}`]!];
      const named = [
        { ...column, name: "v" },
        { name: "n", type: "BIGINT" },
      ];
      const three = [0, 1, 2].map((n): Row => ({ v: value, n }));
      for (const type of ["line", "bar"] as const) {
        const chart = chartOf({ type, x: "v", y: ["n"] }, named);
        const found = layOut({ chart, columns: named, rows: three.slice(0, 1), row_count: 1 });
        const drawn = found.xs.length + Number(found.left_out.length > 0);
        expect([sql, type, drawn, rangeOf(found).every(Number.isFinite)]).toEqual([sql, type, 1, true]);
      }
      for (const type of ["line", "bar", "candle"] as const) {
        const prices = { open: "v", high: "v", low: "v", close: "v" };
        const chart = type === "candle" ? { type, x: "n", y: [], ...prices } : { type, x: "n", y: ["v"] };
        const make = () => chartOf(chart, named);
        if (!isNumber(column.type)) expect(make).toThrow(`names v, which is ${column.type}`);
        else {
          const { lines, xs } = layOut({ chart: make(), columns: named, rows: three, row_count: 3 });
          expect([sql, xs.length, lines.length]).toEqual([sql, 3, type === "candle" ? 4 : 1]);
          for (const drawn of lines[0]!.values.values())
            expect([sql, drawn === null || Math.abs(drawn) < Number.MAX_VALUE / 4]).toEqual([sql, true]);
        }
      }
    }
  }
});

test("a chart's columns are found in any case, and named as the result writes them", () => {
  const columns = [
    { name: "Minute", type: "TIMESTAMP" },
    { name: "Trades", type: "BIGINT" },
  ];
  expect(chartOf({ type: "line", x: "minute", y: ["TRADES"] }, columns)).toMatchObject({ x: "Minute", y: ["Trades"] });
});
