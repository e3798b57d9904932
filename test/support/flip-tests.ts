/** The tests of flipped bits, with as many flips as a caller wants: `npm test` has a few, test/long/flips.test.ts 500 and 20. */
import { expect, test } from "bun:test";
import { batch, FINGERPRINT, metricFolder, stored } from "../batch/harness.ts";
import { type Flipped, flipsInProcess } from "./flips.ts";

const seed = Number(process.env.TIDEMARK_SEED ?? Math.floor(Math.random() * 1e9));
const folder = metricFolder({ fingerprint: FINGERPRINT });

export function testFlips({ in_process }: { in_process: number }): void {
  test(`${in_process} flipped bits in process: found, or nothing that is covered differs (seed ${seed})`, async () => {
    using dir = await stored();
    expect((await batch(dir.path, ["--sql", folder.path])).code).toBe(0);
    const flips = await flipsInProcess(dir.path, in_process, seed);
    expect(flips.filter(({ outcome }) => outcome === "WRONG")).toEqual([]);
    // Every byte of a Parquet file is covered.
    expect(flips.filter(({ kind, outcome }) => kind.includes("Parquet") && outcome !== "found")).toEqual([]);
    expect(outcomes(flips)).toMatchObject({ found: expect.any(Number) });
    // All are as they were: nothing that was found came from the flip before.
    expect((await batch(dir.path, ["--sql", folder.path])).code).toBe(0);
  });
}

function outcomes(flips: Flipped[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of flips) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
