/** The metric `gaps`: runs of missing ids, in memory that grows with the ticks, not with their ids. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { ROOT } from "../support/data.ts";

setDefaultTimeout(120_000);

const GAPS = readFileSync(join(ROOT, "sql/metrics/gaps.sql"), "utf8").replace(/\$(product|from|to)\b/g, "NULL");

/** The metric's rows over ticks with these ids, a SELECT of one column, in so much memory. */
async function gaps(ids: string, { memory_limit = "1GB", proved = [] as number[][], outages = "" } = {}) {
  const instance = await DuckDBInstance.create(":memory:", { memory_limit, threads: "2" });
  const connection = await instance.connect();
  try {
    await connection.run("SET temp_directory = ''");
    await connection.run(
      `CREATE VIEW ticks AS SELECT 'A' AS product_id, id AS trade_id, make_timestamp(id) AS time FROM (${ids}) AS t(id)`,
    );
    const of_outages = outages || "('A', NULL::BIGINT, NULL::BIGINT, NULL::TIMESTAMP, NULL::TIMESTAMP, 'none')";
    await connection.run(
      `CREATE VIEW outages AS FROM (VALUES ${of_outages})
       AS t(product_id, last_trade_id, first_trade_id, from_time, to_time, reason) WHERE reason <> 'none'`,
    );
    const spans = proved.map(([first, last]) => `('A', ${first}, ${last})`).join(", ") || "('B', 0, 0)";
    await connection.run(
      `CREATE VIEW unissued AS FROM (VALUES ${spans}) AS t(product_id, first_trade_id, last_trade_id)`,
    );
    const reader = await connection.runAndReadAll(GAPS);
    if (outages !== "")
      return reader.getRowObjectsJson().map(({ ids: n, first_id, last_id }) => [n, first_id, last_id]);
    return reader.getRowObjectsJson().map(({ ids: n, first_id }) => [Number(n), Number(first_id)]);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

test("random ids, dense and far apart: the longest runs, as counted one by one", async () => {
  const run = fc.record({
    step: fc.constantFrom(1, 1, 2, 3, 30, 700, 5_000),
    n: fc.integer({ min: 1, max: 120 }),
    skip: fc.nat(40),
  });
  const property = fc.asyncProperty(fc.array(run, { minLength: 1, maxLength: 8 }), async (runs) => {
    const ids: number[] = [];
    let id = 1;
    for (const { step, n, skip } of runs) {
      for (let i = 0; i < n; i++, id += step) ids.push(id);
      id += skip;
    }
    const expected = ids.flatMap((one, i) =>
      i > 0 && one - ids[i - 1]! > 1 ? [[one - ids[i - 1]! - 1, ids[i - 1]! + 1]] : [],
    );
    expected.sort((a, b) => b[0]! - a[0]! || a[1]! - b[1]!);
    expect(await gaps(`SELECT unnest([${ids.join(", ")}])`)).toEqual(expected.slice(0, 100));
  });
  await fc.assert(property, { numRuns: 20 });
});

test("random ids and proofs: the longest runs of ids that were neither stored nor proved, as counted one by one", async () => {
  const ids = fc.uniqueArray(fc.nat(3_000), { minLength: 1, maxLength: 150 });
  const proof = fc.tuple(fc.nat(3_000), fc.constantFrom(0, 1, 2, 30, 400));
  const property = fc.asyncProperty(ids, fc.array(proof, { maxLength: 40 }), async (found, proofs) => {
    const stored = found.toSorted((a, b) => a - b);
    const isProved = (id: number) => !stored.includes(id) && proofs.some(([lo, more]) => lo <= id && id <= lo + more);
    // Spans as windows.db has them: none touches another or holds a stored id.
    const proved: [number, number][] = [];
    const runs: [number, number][] = [];
    for (let id = 0; id <= 3_500; id++) {
      const spans = isProved(id) ? proved : runs;
      if (stored.includes(id) || (spans === runs && (id < stored[0]! || id > stored.at(-1)!))) continue;
      const last = spans.at(-1);
      if (last?.[1] === id - 1) last[1] = id;
      else spans.push([id, id]);
    }
    const expected = runs.map(([lo, hi]) => [hi - lo + 1, lo]).sort((a, b) => b[0]! - a[0]! || a[1]! - b[1]!);
    expect(await gaps(`SELECT unnest([${stored.join(", ")}])`, { proved })).toEqual(expected.slice(0, 100));
  });
  await fc.assert(property, { numRuns: 20 });
});

test("300,000 ids, each 5,000 or 400 after the other, in 256 MB", async () => {
  for (const step of [5_000, 400]) {
    const rows = await gaps(`SELECT i * ${step} FROM range(300000) AS r(i)`, { memory_limit: "256MB" });
    expect([rows.length, rows[0]]).toEqual([100, [step - 1, 1]]);
  }
});

test("an outage has the ids between its last and its first trade: none where these are neighbours, the same, or disordered", async () => {
  const outage = (last: number | null, first: number | null) => `('A', ${last}, ${first}, now(), now(), 'lost')`;
  const outages = [outage(5, 9), outage(5, 6), outage(5, 5), outage(5, 3), outage(5, null)].join(", ");
  const rows = await gaps("SELECT 1", { outages });
  expect(rows.map((row) => row.map((cell) => (cell === null ? null : Number(cell))))).toEqual(
    expect.arrayContaining([
      [3, 6, 8],
      [0, null, null],
      [null, 6, null],
    ]),
  );
  expect(rows.filter(([ids]) => Number(ids) === 0 && ids !== null).length).toBe(3);
  expect(rows.length).toBe(5);
});
