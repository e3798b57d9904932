/** Product ids of every legal character keep their own ticks, from the log to the archive's SQL. */
import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { isProductId } from "../../scripts/message/rules.ts";
import { batch, resultRows } from "../support/batch.ts";
import { follow, sqlite, tempDir } from "../support/data.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(300_000);

const RUNS = Math.ceil(Number(process.env.TIDEMARK_CASES ?? 3_000) / 750);

/** Names that SQL text, SQLite, DuckDB, JSON, file names or case folding could take for another. */
const HARD = [
  "A/B",
  "..",
  ".",
  "../../etc",
  "a.",
  "a ",
  " a",
  "A",
  "a",
  "%2F",
  "%",
  "100%",
  "'",
  "''",
  '"',
  "\\",
  "\\'",
  "$product",
  "?",
  "*",
  "[a]",
  "{a}",
  "a,b",
  "a;b",
  "-- x",
  "/* x */",
  "NULL",
  "null",
  "",
  "é",
  "e\u0301",
  "ß",
  "SS",
  "İ",
  "i",
  "日".repeat(21),
  "😀".repeat(16),
  "A\u202eB",
  "A\u200bB",
  "\u2028",
  "\ufffd",
  "\uffff",
  "x".repeat(64),
  "CON",
  "nul",
  "product_id=A",
  "day=2024-01-01",
  "=1+1",
  "@x",
  "+1",
  "-1",
  "1",
  "01",
  "1e5",
  "true",
  "A\u0000B",
  "A\u0085B",
  "\ufeffA",
  "\ud800",
  "A\nB",
  "日".repeat(28),
  "A\u007f",
  "\u001b[31m",
];
const id = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(...HARD) },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 24 }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 40 }) },
);

const line = (product_id: string, i: number) =>
  JSON.stringify({
    ...{ type: "ticker", product_id, price: `${1 + (i % 7)}.5`, side: "buy", last_size: "0.25", trade_id: i },
    time: new Date(Date.UTC(2024, 2, 1, 12, 0, 0) + i * 1_000).toISOString(),
  });

async function check(ids: readonly string[]): Promise<void> {
  using dir = tempDir();
  const lines = ids.flatMap((product_id, i) => Array.from({ length: 3 + (i % 5) }, (_, k) => line(product_id, k)));
  const legal = ids
    .map((product_id, i) => [product_id, 3 + (i % 5)] as const)
    .filter(([product_id]) => isProductId(product_id));
  const sorted = (list: Iterable<readonly [string, number]>) => [...list].map((one) => JSON.stringify(one)).sort();
  await follow(dir.path, lines);
  const stored = (file: string, sql: string) =>
    sorted(
      sqlite<{ product_id: string; n: number }>(dir.path, file, sql).map((row) => [row.product_id, row.n] as const),
    );
  const dead = lines.length - legal.reduce((sum, [, n]) => sum + n, 0);
  expect(stored("ticks.db", "SELECT product_id, count(*) AS n FROM ticks GROUP BY product_id")).toEqual(sorted(legal));
  expect(stored("windows.db", "SELECT product_id, ticks AS n FROM products")).toEqual(sorted(legal));
  for (const file of ["ticks.db", "windows.db"]) {
    expect(sqlite(dir.path, file, "SELECT count(*) AS n FROM dead_letters")).toEqual([{ n: dead }]);
  }
  const { json } = await batch(dir.path);
  expect(json).toMatchObject({ failed: [], ticks_total: lines.length - dead, reconciliation: { unexplained: 0 } });
  const summary = resultRows<{ product_id: string; trade_count: number }>(dir.path, "summary_by_product");
  expect(sorted(summary.map((row) => [row.product_id, Number(row.trade_count)] as const))).toEqual(sorted(legal));
  const query = await run("query", [
    "--data",
    dir.path,
    "--format",
    "json",
    "SELECT product_id, count(*) AS n FROM ticks GROUP BY 1",
  ]);
  const found = JSON.parse(query.stdout) as { product_id: string; n: number | string }[];
  expect(sorted(found.map((row) => [row.product_id, Number(row.n)] as const))).toEqual(sorted(legal));
}

test("every hard name at once: each keeps its own ticks, and an invalid product id is a dead letter", async () => {
  await check(HARD);
});

test("random names: each keeps its own ticks in both stores, the archive and its answers", async () => {
  const property = fc.asyncProperty(fc.uniqueArray(id, { minLength: 1, maxLength: 30 }), check);
  await fc.assert(property, { numRuns: RUNS });
});
