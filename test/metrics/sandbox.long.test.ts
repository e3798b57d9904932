/** Queries that take all memory, slowly: each fails alone within the limits of memory and time. */
import { expect, test } from "bun:test";
import { ERROR_CHARACTERS_MAX, LIMITED_RSS_BYTES_MAX } from "../../scripts/base/limits.ts";
import { batched } from "../support/batch.ts";
import { STORED_TICKS } from "../support/data.ts";
import { SLOW_KILLERS } from "../support/killers.ts";
import { childOf, runToEnd } from "../support/process.ts";

test("slow queries that take all memory fail or are stopped alone; those after them run", async () => {
  using data = await batched({ one: "SELECT 1" });
  const queries = Object.values(SLOW_KILLERS).flatMap((sql) => [sql, "SELECT count(*) AS ticks FROM ticks"]);
  const stdin = new Blob([JSON.stringify(queries)]);
  const { stdout } = await runToEnd(childOf("limited", [data.path, "3000"]), { stdin });
  const { became, peak_rss } = JSON.parse(stdout);
  const names = Object.keys(SLOW_KILLERS);
  expect(names.filter((_, i) => JSON.stringify(became[2 * i + 1]) !== `[{"ticks":${STORED_TICKS}}]`)).toEqual([]);
  const errors = names.map((name, i) => [name, became[2 * i]]).filter(([, error]) => typeof error === "string");
  expect(errors.length).toBeGreaterThan(names.length - 4);
  expect(errors.filter(([, error]) => error.length > ERROR_CHARACTERS_MAX)).toEqual([]);
  expect(peak_rss).toBeLessThan(LIMITED_RSS_BYTES_MAX + 300_000_000);
}, 180_000);
