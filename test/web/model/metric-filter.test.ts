/** Which of a metric's parameters its SQL has, and the SELECT with the conditions that it lacks. */
import { expect, test } from "bun:test";
import type { MetricResult } from "../../../scripts/contract/results.ts";
import { filteredSql } from "../../../web/answers/metric-rows.ts";
import { howFiltered, NO_FILTER } from "../../../web/model/metric-filter.ts";

const metric = (sql: string, columns: string[] = ["product_id"]) =>
  ({
    name: "m",
    columns: columns.map((name) => ({ name, type: "VARCHAR" })),
    chart: { type: "table", y: [] },
    sql,
    truncated: true,
  }) as unknown as MetricResult;
const BTC = { ...NO_FILTER, product: "BTC-USD" };

test("a parameter in a comment, in a string, or with a longer name is none", () => {
  for (const sql of ["SELECT 1 -- $product", "SELECT /* $product */ 1", "SELECT '$product'", "SELECT $product_x"]) {
    expect([sql, howFiltered(metric(sql, []), BTC)]).toEqual([sql, { refused: expect.stringContaining("m can't be") }]);
    expect([sql, howFiltered(metric(sql), BTC)]).toEqual([sql, { how: "filtered" }]);
    expect(filteredSql(metric(sql), BTC, "computed")).toEndWith(") WHERE product_id = 'BTC-USD'");
  }
  for (const sql of ["SELECT $product", "SELECT '--' || $product", "SELECT 'it''s' = $product -- one"])
    expect([sql, howFiltered(metric(sql), BTC)]).toEqual([sql, { how: "computed" }]);
});

test("a SELECT is put in brackets without its last semicolon, also before a comment", () => {
  for (const end of [";", "; -- the end", ";\n/* the\nend */\n", " ; ; ", ""])
    expect(filteredSql(metric(`SELECT ';--' AS x${end}`), BTC, "filtered")).toBe(
      "SELECT * FROM (\nSELECT ';--' AS x\n) WHERE product_id = 'BTC-USD'",
    );
});
