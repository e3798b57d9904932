/** The simulator's candles are the exchange's: order, both ends, limits, faults (docs/feed.md). */
import { expect, test } from "bun:test";
import { readLine } from "../../scripts/simulator/exchange-frames.ts";
import { parseFaults } from "../../scripts/simulator/faults.ts";
import { recordedLines } from "../support/data.ts";
import { exchange } from "../support/feed.ts";

const DISORDERED = "data/recordings/coinbase-btc-usd-2023-09-05T16-disordered.jsonl.gz";
const ask = async (url: string, query: string) => {
  const response = await fetch(`${url.replace("ws:", "http:")}/products/BTC-USD/candles?${query}`);
  return { status: response.status, body: (await response.json()) as number[][] & { message?: string } };
};
const ALL = 99_999;
const hour = "granularity=60&start=2023-09-05T16:00:00Z&end=2023-09-05T16:59:00Z";

test("the hour's candles: newest first, both ends inclusive, its facts (data/recordings/README.md)", async () => {
  await using server = exchange({ after: ALL });
  const { body } = await ask(server.url, hour);
  expect(body.map(([time]) => time)).toEqual(Array.from({ length: 60 }, (_, i) => 1_693_933_140 - 60 * i));
  expect(body[0]).toEqual([1_693_933_140, 25735.97, 25743.97, 25740.43, 25735.97, 3.74637832]);
  expect(body.at(-1)).toEqual([1_693_929_600, 25735.62, 25745.72, 25741.02, 25741.54, 8.40453046]);
  const { body: two } = await ask(server.url, "granularity=60&start=1693929600&end=2023-09-05T16:01:00Z");
  expect(two.map(([time]) => time)).toEqual([1_693_929_660, 1_693_929_600]);
  const { body: whole } = await ask(server.url, "granularity=3600&start=2023-09-05T16:00:00Z&end=2023-09-05T16:30:00Z");
  expect(whole).toEqual([[1_693_929_600, 25714.11, 25828.51, 25741.02, 25735.97, 476.42093807]]);
});

test("300 at most, and a sentence for more; without a span the newest; what it does not know is refused", async () => {
  await using server = exchange({ after: 2_000 });
  const from = "granularity=60&start=2023-09-05T12:00:00Z";
  expect((await ask(server.url, `${from}&end=2023-09-05T16:59:00Z`)).status).toBe(200);
  const { status, body } = await ask(server.url, `${from}&end=2023-09-05T17:00:00Z`);
  expect([status, body.message]).toEqual([400, expect.stringContaining("Count of aggregations requested exceeds 300")]);
  // Only what was played is there: 2,000 trades.
  expect((await ask(server.url, "granularity=60")).body).toHaveLength(11);
  expect((await ask(server.url, "granularity=61")).status).toBe(400);
  expect((await ask(server.url, "granularity=60&start=soon&end=later")).status).toBe(400);
});

test("a trade counts once and in its minute, in any order of arrival; a price of letters does not count", async () => {
  const recorded = recordedLines(DISORDERED)
    .map(readLine)
    .filter((one) => typeof one === "object");
  await using disordered = exchange({ recorded, after: ALL });
  await using ordered = exchange({ after: ALL });
  const [one, other] = await Promise.all([disordered, ordered].map(({ url }) => ask(url, hour)));
  expect(one!.body).toEqual(other!.body);
  // The newest id of the disordered hour is of an earlier minute than these.
  const end = "granularity=60&start=2023-09-05T16:58:00Z&end=2023-09-05T16:59:00Z";
  expect((await ask(disordered.url, end)).body).toEqual(other!.body.slice(0, 2));
});

test("faults: refused answers, a revised candle, a trade that none counts, an absent minute, sums of floats", async () => {
  const minute = "2023-09-05T16:01:00Z";
  const candles = {
    statuses: [429],
    revised: [{ minute, volume: "1.2e-06" }],
    lacking_ids: [1],
    absent: ["2023-09-05T16:02:00Z"],
    float_volumes: true,
  };
  await using server = exchange({ after: ALL, faults: parseFaults(JSON.stringify({ candles })) });
  expect((await ask(server.url, hour)).status).toBe(429);
  const { body } = await ask(server.url, hour);
  expect(body).toHaveLength(59);
  await using plain = exchange({ after: ALL });
  const exact = (await ask(plain.url, hour)).body;
  expect(body.at(-2)).toEqual([...exact.at(-2)!.slice(0, 5), 1.2e-6]);
  const size = Number(JSON.parse(recordedLines()[0]!).last_size);
  expect(body.at(-1)![5]).toBeCloseTo(8.40453046 - size, 10);
  expect(() => parseFaults('{"candles":{"revised":[{"minute":"x","volume":"NaN"}]}}')).toThrow(
    "--faults can't be read",
  );
});

test("trades of a disordered recording come by id, each once", async () => {
  const recorded = recordedLines(DISORDERED)
    .map(readLine)
    .filter((one) => typeof one === "object");
  await using server = exchange({ recorded, after: ALL });
  const response = await fetch(`${server.url.replace("ws:", "http:")}/products/BTC-USD/trades?limit=1000&after=10500`);
  const page = (await response.json()) as { trade_id: number; price: string }[];
  expect(page.map(({ trade_id }) => trade_id)).toEqual(Array.from({ length: 1_000 }, (_, i) => 10_499 - i));
  expect(page.find(({ trade_id }) => trade_id === 10_001)?.price).not.toBe("1.00");
  // Trade 1910 is sent 400 lines after its neighbours, and was made with them: REST has it.
  const first = recorded.findIndex(({ trade_id }) => trade_id === 1_911);
  for (const round of [0, 1]) {
    const after = recorded[first]!.trade_id + round * 20_003;
    await using midway = exchange({ recorded, after, loop: round > 0 });
    const early = await fetch(
      `${midway.url.replace("ws:", "http:")}/products/BTC-USD/trades?limit=9&after=${after + 1}`,
    );
    const ids = ((await early.json()) as { trade_id: number }[]).map(({ trade_id }) => trade_id);
    expect(ids).toEqual(Array.from({ length: 9 }, (_, i) => after - i));
    const newest = await fetch(`${midway.url.replace("ws:", "http:")}/products/BTC-USD/trades?limit=1`);
    const [{ time }] = (await newest.json()) as [{ time: string }];
    expect(time < "2023-09-05T16:10:24").toBe(round === 0);
  }
});
