/** The metric `lateness` has the curve of `bun run lateness`, digit for digit, for every size kept. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { batch, NO_EXTENSION, resultRows } from "../support/batch.ts";
import { follow, type Row, sqlite, tempDir } from "../support/data.ts";
import { disorderedLines } from "../support/lateness-cells.ts";
import { run } from "../support/process.ts";

const SIZES = ["10s", "1m", "5m"];

/** The curve as the command prints it, in the metric's columns. */
async function curve(data: string, window: string): Promise<object[]> {
  const { json } = await run("lateness", ["--data", data, "--window", window, "--json"]);
  const { product, window_us, curve } = json as unknown as { product: string; window_us: number; curve: Row[] };
  return curve.map((point) => ({ product_id: product, size_us: window_us, ...point }));
}

test("after a batch with and without DuckDB's extension: 27 rows equal to the command's", async () => {
  using dir = tempDir();
  await follow(dir.path, disorderedLines(), undefined, ["--window", SIZES.join(",")]);
  const expected = (await Promise.all(SIZES.map((size) => curve(dir.path, size)))).flat();
  expect(expected.length).toBe(27);
  for (const env of [{}, NO_EXTENSION]) {
    expect((await batch(dir.path, ["--metric", "lateness"], env)).json.failed).toEqual([]);
    expect(resultRows(dir.path, "lateness")).toEqual(expected as Row[]);
  }
  const some = await run("query", [
    "--data",
    dir.path,
    "--metric",
    "lateness",
    "--product",
    "NONE",
    "--format",
    "json",
  ]);
  expect(JSON.parse(some.stdout)).toEqual([]);
}, 120_000);

test("rows that left windows.db move the begin of the metric's curve as that of the command's", async () => {
  using dir = tempDir();
  await follow(dir.path, disorderedLines());
  const [{ mark_us }] = sqlite<{ mark_us: number }>(
    dir.path,
    "windows.db",
    "SELECT mark_us FROM out_of_order WHERE seq = 2000",
  ) as [{ mark_us: number }];
  const db = new Database(join(dir.path, "windows.db"));
  db.exec(`DELETE FROM out_of_order WHERE seq <= 2000; INSERT INTO out_of_order_since VALUES ('BTC-USD', ${mark_us})`);
  db.close();
  const expected = await curve(dir.path, "1m");
  expect((await batch(dir.path, ["--metric", "lateness"])).json.failed).toEqual([]);
  expect(resultRows(dir.path, "lateness")).toEqual(expected as Row[]);
}, 120_000);

test("a windows.db of schema 2 is refused by batch with the command that migrates it", async () => {
  using dir = tempDir();
  await follow(dir.path, disorderedLines().slice(0, 200));
  const db = new Database(join(dir.path, "windows.db"));
  db.exec(`DROP VIEW product_marks; DROP TABLE out_of_order; DROP TABLE out_of_order_since;
    DROP TABLE measure_slices; DROP TABLE answer_samples; DROP TABLE closings;
    ALTER TABLE products DROP COLUMN unissued; DROP TABLE unissued_ids; DROP INDEX revisions_by_id;
    CREATE TABLE latencies (name TEXT PRIMARY KEY); PRAGMA user_version = 2`);
  db.close();
  const early = await batch(dir.path);
  expect([early.code, early.stderr]).toEqual([1, expect.stringContaining("bun run stream --until-end")]);
  expect((await run("stream", ["--data", dir.path, "--until-end"])).code).toBe(0);
  expect((await batch(dir.path)).code).toBe(0);
}, 120_000);
