/** The search for the largest sustained rate: it ends within 5 %, and tries each rate once. */
import { expect, test } from "bun:test";
import { largestSustained, type RateSearch } from "../../scripts/bench/search.ts";

const PLAN: RateSearch = { start: 8_000, least: 1_000, most: 128_000, factor: 1.05 };

async function search(limit: number, plan = PLAN) {
  const tried: number[] = [];
  const found = await largestSustained(plan, async (rate) => {
    tried.push(rate);
    return rate <= limit;
  });
  return { ...found, tried };
}

test("the largest sustained rate is found to 5 % at any limit", async () => {
  for (let limit = 1_000; limit < 128_000; limit = Math.ceil(limit * 1.037)) {
    const { sustained, failed, tried } = await search(limit);
    expect([limit, sustained! <= limit, failed! > limit, failed! / sustained! <= 1.05]).toEqual([
      limit,
      true,
      true,
      true,
    ]);
    expect(new Set(tried).size).toBe(tried.length);
    expect(tried.length).toBeLessThanOrEqual(10);
  }
});

test("it doubles first, then bisects", async () => {
  const { tried } = await search(40_000);
  expect(tried.slice(0, 4)).toEqual([8_000, 16_000, 32_000, 64_000]);
  expect(tried.slice(4).every((rate) => rate > 32_000 && rate < 64_000)).toBe(true);
});

test("a first rate that fails is halved", async () => {
  expect((await search(2_500)).tried.slice(0, 3)).toEqual([8_000, 4_000, 2_000]);
});

test("outside of its bounds it names the bound alone", async () => {
  expect(await search(500)).toEqual({ sustained: null, failed: 1_000, tried: [8_000, 4_000, 2_000, 1_000] });
  const all = await search(1e9);
  expect([all.sustained, all.failed, all.tried.at(-1)]).toEqual([128_000, null, 128_000]);
  expect(await search(1, { ...PLAN, start: 3_000, least: 2_000 })).toMatchObject({ failed: 2_000 });
});
