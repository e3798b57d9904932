/** Queries that take all memory, slowly: each fails alone within the limits of memory and time. */
import { expect, test } from "bun:test";
import { ERROR_CHARACTERS_MAX, LIMITED_RSS_BYTES_MAX } from "../../scripts/base/limits.ts";
import { batched } from "../support/batch.ts";
import { STORED_TICKS } from "../support/data.ts";
import { ENDLESS_KILLERS, SLOW_KILLERS } from "../support/killers.ts";
import { childOf, runToEnd } from "../support/process.ts";

/** By name: what it may take in milliseconds, and the query. */
const KILLERS = [
  ...Object.entries(SLOW_KILLERS).map(([name, sql]) => ({ name, sql, ms_max: 3_000 })),
  ...Object.entries(ENDLESS_KILLERS).map(([name, sql]) => ({ name, sql, ms_max: 1_000 })),
];

/** What became of each query and of a small one after it. */
async function became(
  data: string,
  ms_max: number,
): Promise<{ found: [name: string, unknown, unknown][]; peak_rss: number }> {
  const of = KILLERS.filter((one) => one.ms_max === ms_max);
  const queries = of.flatMap(({ sql }) => [sql, "SELECT count(*) AS ticks FROM ticks"]);
  const stdin = new Blob([JSON.stringify(queries)]);
  const { stdout } = await runToEnd(childOf("limited", [data, `${ms_max},120000`]), { stdin });
  const { became, peak_rss } = JSON.parse(stdout);
  return { found: of.map(({ name }, i) => [name, became[2 * i], became[2 * i + 1]]), peak_rss };
}

test("slow queries that take all memory fail or are stopped alone; those after them run", async () => {
  using data = await batched({ one: "SELECT 1" });
  const both = [await became(data.path, 3_000), await became(data.path, 1_000)];
  const found = both.flatMap((one) => one.found);
  expect(found.filter(([, , next]) => JSON.stringify(next) !== `[{"ticks":${STORED_TICKS}}]`)).toEqual([]);
  const errors = found.flatMap(([name, error]) => (typeof error === "string" ? [[name, error] as const] : []));
  expect(errors.length).toBeGreaterThan(KILLERS.length - 4);
  expect(errors.filter(([, error]) => error.length > ERROR_CHARACTERS_MAX)).toEqual([]);
  expect(Math.max(...both.map(({ peak_rss }) => peak_rss))).toBeLessThan(LIMITED_RSS_BYTES_MAX + 300_000_000);
}, 300_000);
