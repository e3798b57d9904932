/** The largest allowed results: what `serve` holds and what the page shows is bounded. */
import { expect, test } from "bun:test";
import { metricFolder } from "../../support/batch.ts";
import { recordedLines } from "../../support/data.ts";
import { served } from "../../support/served.ts";

test("a page of metrics with large results is small, with links to the rest", async () => {
  const columns = Array.from({ length: 200 }, (_, i) => `i AS c${i}`).join(", ");
  using sql = metricFolder({
    cell: "SELECT repeat('x', 170000) AS cell",
    error: "SELECT error(repeat('y', 20000000))",
    text: `SELECT 1 AS n -- ${"z".repeat(900_000)}`,
    wide: `SELECT ${columns} FROM range(100) r(i)`,
    ...Object.fromEntries(
      Array.from({ length: 6 }, (_, i) => [`rows_${i}`, "SELECT repeat('w', 1500) AS w FROM range(10000)"]),
    ),
  });
  await using server = await served(recordedLines().slice(0, 500), sql.path);
  const page = await (await fetch(`${server.url}/`)).text();
  expect(page.length).toBeLessThan(500_000);
  expect(page).toContain('… (170000 characters, <a href="/export/metrics/cell.csv">whole in the CSV</a>)');
  expect(page).toContain("50 of 200 columns");
  expect(page).toMatch(/10 of 10.?000 rows/);
  const whole = (await (await fetch(`${server.url}/api/metrics/cell`)).json()) as { rows: { cell: string }[] };
  expect(whole.rows[0]!.cell.length).toBe(170_000);
  for (let i = 0; i < 12; i++) {
    const answer = await fetch(`${server.url}/api/metrics/rows_${i % 6}`);
    expect(((await answer.json()) as { rows: unknown[] }).rows.length).toBe(10_000);
  }
}, 120_000);
