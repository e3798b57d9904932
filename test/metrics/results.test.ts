/** The rows of results.db: columns, and what is written and read. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import {
  AGREEMENT_COLUMNS,
  type MetricResult,
  RESULT_COLUMNS,
  RUN_COLUMNS,
  resultFromRow,
  resultToRow,
} from "../../scripts/contract/results.ts";
import schema from "../../scripts/metrics/results.sql" with { type: "text" };
import runs from "../../sql/page/runs.sql" with { type: "text" };

const db = new Database(":memory:");
db.exec(schema);
afterAll(() => db.close());

test("the columns of results.db are those of contract/results.ts", () => {
  const columns = (table: string) => db.query<{ name: string }, []>(`PRAGMA table_info(${table})`).all();
  const names = (table: string) => columns(table).map(({ name }) => name);
  expect(names("results").sort()).toEqual([...RESULT_COLUMNS].sort());
  // Two columns are read by other questions than the list of runs.
  expect(names("runs").sort()).toEqual([...RUN_COLUMNS, "snapshot", "history_new"].sort());
  expect(names("reconciliation")).toEqual(["run_id", ...AGREEMENT_COLUMNS]);
  expect(db.query(runs).columnNames).toEqual([...RUN_COLUMNS]);
});

test("a stored result is read as it was written", () => {
  const result: MetricResult = {
    name: "vwap",
    run_id: 7,
    row_count: 1,
    title: "VWAP",
    description: "",
    file: "sql/metrics/vwap.sql",
    sql: "SELECT 1 AS x",
    file_hash: "00",
    elapsed_ms: 1.5,
    finished_us: 2,
    chart: { type: "line", x: "x", y: ["y"], series: "product_id" },
    group: "Prices",
    order: 10,
    columns: [{ name: "x", type: "DECIMAL(18,8)" }],
    rows: [{ x: "0.10000001", y: null }],
    ok: true,
    error: null,
    stale: false,
    truncated: true,
  };
  const row = resultToRow(result);
  expect(Object.keys(row).sort()).toEqual([...RESULT_COLUMNS].sort());
  expect(resultFromRow(row)).toEqual(result);
  // As a version without groups has stored it.
  const older = { ...row, chart: JSON.stringify(result.chart) };
  expect(resultFromRow(older)).toEqual({ ...result, group: "", order: null });
  expect(() => resultFromRow({ ...row, rows: "[{" })).toThrow(SyntaxError);
});
