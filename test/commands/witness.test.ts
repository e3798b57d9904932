/** `bun run witness` against the simulator: what differs, why, and what can't be checked. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { witnessJson, witnessText } from "../../scripts/audit/index.ts";
import { dataPaths } from "../../scripts/base/data-dir.ts";
import { usFromIso } from "../../scripts/base/iso.ts";
import { readLine } from "../../scripts/simulator/exchange-frames.ts";
import type { Faults } from "../../scripts/simulator/faults.ts";
import { runWitness, type WitnessOptions } from "../../scripts/stages/witness.ts";
import { archivedTicks } from "../../web/model/index.ts";
import { batch, metricFolder } from "../support/batch.ts";
import { fillLog, follow, quiet, ROOT, recordedLines, sqlite, tempDir } from "../support/data.ts";
import { exchange, HOUR } from "../support/feed.ts";
import { history } from "../support/history-phases.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(120_000);

const dir = tempDir();
const ALL = 99_999;
const LACKING = [1501, 1502, 1510, 13197];
const never = new AbortController().signal;

/** The hour without four ids, one of them its last; and one trade late, in the minute 16:05. */
beforeAll(async () => {
  const lines = recordedLines().filter((line) => !LACKING.includes(idOf(line)));
  const [late] = lines.splice(1_000, 1);
  lines.splice(4_000, 0, late!);
  await follow(dir.path, lines, ["stream", "consume"], ["--flush"]);
});
afterAll(() => dir[Symbol.dispose]());

function idOf(line: string): number {
  return Number(/"trade_id":(\d+)/.exec(line)?.[1]);
}

type Exchange = { recorded?: typeof HOUR; after?: number };

/** The stage in this process; the exchange has made all its trades. */
async function witness(faults: Faults, given: Partial<WitnessOptions> & Exchange & { data?: string } = {}) {
  const { recorded = HOUR, after = ALL } = given;
  await using server = exchange({ recorded, after, faults });
  const paths = dataPaths(given.data ?? dir.path);
  const options = {
    ...{ product: null, from_us: null, to_us: null, isSimulator: true, retry_ms: 1 },
    rest_url: server.url.replace("ws:", "http:"),
    archived: (of: Parameters<typeof archivedTicks>[1]) => archivedTicks(paths, of, 1_000_000),
    ...given,
  };
  const report = await runWitness(paths, options, { logger: quiet, signal: never });
  return {
    report,
    requests: server.counts().rest_requests,
    json: witnessJson(report) as ReturnType<typeof JSON.parse>,
  };
}

const at = (time: string) => usFromIso(`2023-09-05T${time}:00Z`)!;
const differing = (json: { minutes: { outcome: string; rules: string[] }[] }) =>
  json.minutes.filter(({ outcome }) => outcome !== "equal" && outcome !== "empty");

test("late ticks, lacking ids, a revised and an absent candle; a 429; each with its rule, exit 0", async () => {
  const candles = {
    statuses: [429],
    absent: ["2023-09-05T16:10:00Z"],
    revised: [{ minute: "2023-09-05T16:20:00Z", volume: "1.5" }],
    float_volumes: true,
  };
  await using server = exchange({ after: ALL, faults: { candles } });
  const { code, stdout } = await run("witness", ["--data", dir.path, "--feed", server.url]);
  expect(code).toBe(0);
  expect(stdout).toContain(
    "60 minutes: 55 equal; 1 explained: trade ids that are not stored (3 ids); 1 explained: the exchange's candle is not that of its own trades; 1 explained: the exchange has no candle; 1 explained: not stored; 1 explained: late ticks, not in the final row (1 id); 0 unexplained",
  );
  expect(stdout).toMatch(
    /^2023-09-05T16:05:00Z {2}late ticks.*\n {2}1 tick came late.*\n.*\n {2}volume .*\n {2}late: 1001$/m,
  );
  expect(stdout).toMatch(/^ {2}not stored: 1501 to 1502, 1510$/m);
  expect(stdout).toMatch(/^ {2}volume {2}1\.5 +8\.76146612 +8\.76146612 +8\.76146612$/m);
});

test("the disordered hour: its 37 late ticks in 24 windows, and nothing else (data/recordings/README.md)", async () => {
  using copy = tempDir();
  const lines = recordedLines(join(ROOT, "data/recordings/coinbase-btc-usd-2023-09-05T16-disordered.jsonl.gz"));
  await follow(copy.path, lines);
  const recorded = lines.map(readLine).filter((one) => typeof one === "object");
  const { json } = await witness({}, { data: copy.path, recorded });
  expect(json).toMatchObject({ totals: { minutes: 60, equal: 36, unexplained: 0 }, streamless: 2 });
  expect(json.totals.by_rule).toEqual([{ rule: "late", minutes: 24, ids: 37 }]);
});

test("--json has every minute; the ids are those that lack, requested from REST in few pages", async () => {
  const { json, requests } = await witness({ rest: { lacking_ids: [1509] } });
  expect(json.totals).toMatchObject({ minutes: 60, equal: 57, explained: 2, unexplained: 1, unchecked: 0 });
  const [late, lacking, last] = differing(json);
  expect(late).toMatchObject({ start: "2023-09-05T16:05:00Z", rules: ["late"], ids: [{ ranges: [[1001, 1001]] }] });
  // 1509 is stored, and REST has no such trade: nothing decides which is right.
  expect(lacking).toMatchObject({
    outcome: "unexplained",
    ids: [{ what: "gone", ranges: [[1509, 1509]] }, { count: 3 }],
  });
  expect(last).toMatchObject({ rules: ["not_stored"], ids: [{ ranges: [[13197, 13197]] }] });
  expect(requests).toBeLessThanOrEqual(4);
});

test("ids that were never issued are named: both neighbours are on one page", async () => {
  const ids = { rest: { lacking_ids: [1502] }, candles: { lacking_ids: [1502] } };
  for (const page_max of [1_000, 50]) {
    const { json } = await witness(
      { ...ids, rest: { ...ids.rest, page_max } },
      { from_us: at("16:07"), to_us: at("16:08") },
    );
    expect(json.minutes).toMatchObject([{ outcome: "explained", rules: ["lacking"] }]);
    expect(json.minutes[0].ids).toEqual([
      {
        what: "lacking",
        count: 2,
        ranges: [
          [1501, 1501],
          [1510, 1510],
        ],
      },
      { what: "unissued", count: 1, ranges: [[1502, 1502]] },
    ]);
  }
});

test("a stored row or tick that was changed by hand is unexplained, exit 1", async () => {
  using copy = tempDir();
  await follow(copy.path, recordedLines().slice(0, 2_000));
  const minute = "window_start = '2023-09-05T16:02:00.000000Z'";
  sqlite(copy.path, "windows.db", `UPDATE windows SET total_volume = '1' WHERE ${minute}`);
  sqlite(copy.path, "windows.db", "DELETE FROM windows WHERE window_start = '2023-09-05T16:03:00.000000Z'");
  sqlite(copy.path, "ticks.db", "UPDATE ticks SET last_size = '0.5' WHERE trade_id = 1300");
  await using server = exchange({ after: ALL });
  const args = ["--data", copy.path, "--feed", server.url, "--from", "2023-09-05T16:00", "--to", "2023-09-05T16:08"];
  const { code, json } = await run("witness", [...args, "--json"]);
  expect(code).toBe(1);
  const wrong = differing(json as unknown as Parameters<typeof differing>[0]);
  expect(wrong).toMatchObject([
    { start: "2023-09-05T16:02:00Z", outcome: "unexplained", why: expect.stringContaining("final row is not that of") },
    { start: "2023-09-05T16:03:00Z", outcome: "unexplained" },
    { start: "2023-09-05T16:06:00Z", outcome: "unexplained", ids: [{ what: "changed", ranges: [[1300, 1300]] }] },
  ]);
});

test("consume behind stream: its minutes are compared without the stream's side, which is not wrong", async () => {
  using copy = tempDir();
  await follow(copy.path, recordedLines().slice(0, 1_000), ["stream", "consume"]);
  await fillLog(copy.path, recordedLines().slice(1_000, 2_000));
  await run("stream", ["--data", copy.path, "--until-end", "--flush"]);
  const { json } = await witness({}, { data: copy.path, from_us: at("16:00"), to_us: at("16:07") });
  expect(json.totals).toMatchObject({ minutes: 7, unexplained: 0 });
  expect(json.streamless).toBe(2);
  expect(differing(json).flatMap(({ rules }) => rules)).toEqual(["not_stored", "not_stored"]);
});

test("the feed's first messages repeat trades that history had: they are the stream's too", async () => {
  using copy = tempDir();
  await follow(copy.path, [...history(1, 705), ...recordedLines().slice(697, 2_000)]);
  const { json } = await witness({}, { data: copy.path, from_us: at("16:00"), to_us: at("16:08") });
  expect(json.totals).toMatchObject({ minutes: 8, equal: 7, explained: 1, unexplained: 0 });
  const [seam] = differing(json);
  expect(seam).toMatchObject({ rules: ["not_read"], ids: [{ what: "not_read", ranges: [[expect.any(Number), 697]] }] });
});

test("more than 300 minutes are several requests; minutes that neither side has are counted", async () => {
  const { json, report } = await witness({}, { from_us: at("11:00"), to_us: at("16:05") });
  expect(witnessText(report)).toContain("305 minutes: 5 equal; 300 without a trade on either side; 0 unexplained\n");
  expect(json.totals).toMatchObject({ minutes: 305, equal: 5, empty: 300, unexplained: 0 });
  // What is later than any trade is not counted.
  const later = await witness({}, { from_us: at("16:30"), to_us: at("22:00") });
  expect(later.json).toMatchObject({ to: "2023-09-05T17:00:00Z", totals: { minutes: 30, equal: 29, explained: 1 } });
});

test("an exchange that stops answering: what was compared is printed, the rest is not checked", async () => {
  const { json } = await witness({ candles: { statuses: [200, 404] } }, { from_us: at("11:00"), to_us: at("17:00") });
  expect(json.totals).toMatchObject({ minutes: 300, equal: 0, empty: 300, unchecked: 60 });
  expect(json.unchecked).toEqual({ from: "2023-09-05T16:00:00Z", why: "REST answers 404" });
});

test("offline: one sentence that nothing was checked, exit 1", async () => {
  const { code, stdout, stderr } = await run("witness", ["--data", dir.path, "--feed", "ws://127.0.0.1:9"]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(
    /error: The exchange at http:\/\/127\.0\.0\.1:9 gave no answer \(REST can't be reached: .*\)\. Nothing was checked of 60 minutes of BTC-USD from 2023-09-05T16:00:00Z to 2023-09-05T17:00:00Z\./,
  );
});

test("an empty range, one in the future, no data, an exchange without trades: a sentence; wrong usage exits with 2", async () => {
  const failure = (given: Parameters<typeof witness>[1]) => witness({}, given).then(String, (error) => error);
  const future = { from_us: usFromIso("2033-01-01T00:00:00Z")!, to_us: usFromIso("2033-01-01T01:00:00Z")! };
  for (const given of [future, { from_us: at("11:00"), to_us: at("12:00") }])
    expect(await failure(given)).toMatchObject({
      code: "NO_DATA",
      hint: expect.stringContaining("up to 2023-09-05T16:59:5"),
    });
  expect(await failure({ product: "ETH-USD" })).toMatchObject({ code: "NO_DATA" });
  expect(await failure({ after: 0 })).toMatchObject({
    code: "NO_DATA",
    message: expect.stringContaining("has no trade"),
  });
  using empty = tempDir();
  expect(await failure({ data: empty.path })).toMatchObject({ code: "NO_DATA" });
  for (const [from, to] of [
    ["16:10", "16:10"],
    ["16:20", "16:10"],
  ])
    expect(await failure({ from_us: at(from!), to_us: at(to!) })).toMatchObject({ code: "USAGE", exitCode: 2 });
  expect(await failure({ from_us: at("16:00") + 1 })).toMatchObject({ code: "USAGE" });
  expect(await failure({ from_us: at("16:00") - 8 * 86_400e6, to_us: at("16:00") })).toMatchObject({ code: "USAGE" });
});

test("a replay against the real exchange: only candles are compared, and trades are not requested", async () => {
  using copy = tempDir();
  await follow(copy.path, recordedLines().slice(0, 2_000));
  writeFileSync(join(copy.path, "kind.json"), '{"kind":"replay"}\n');
  const span = { from_us: at("16:00"), to_us: at("16:05"), data: copy.path, isSimulator: false };
  const { json, requests } = await witness({ candles: { lacking_ids: [5] } }, span);
  expect(json).toMatchObject({ has_ids: false, totals: { equal: 4, unexplained: 1 } });
  expect(json.minutes[0].why).toContain("made up");
  expect(requests).toBe(0);
  writeFileSync(join(copy.path, "kind.json"), '{"kind":"live"}\n');
  const refused = witness({}, { ...span, isSimulator: true });
  expect(refused).rejects.toMatchObject({ code: "DATA_KIND" });
});

test("ticks that were pruned are read from the archive", async () => {
  using copy = tempDir();
  await follow(copy.path, recordedLines().slice(0, 2_000));
  using none = metricFolder({ one: "SELECT 1 AS one" });
  await batch(copy.path, ["--sql", none.path]);
  expect((await run("prune", ["--data", copy.path, "--retain", "0s"])).code).toBe(0);
  expect(sqlite<{ n: number }>(copy.path, "ticks.db", "SELECT count(*) AS n FROM ticks")[0]!.n).toBeLessThan(5);
  await fillLog(copy.path, recordedLines().slice(2_000, 2_500));
  for (const stage of ["stream", "consume"]) await run(stage, ["--data", copy.path, "--until-end"]);
  const { json } = await witness({}, { data: copy.path, from_us: at("16:00"), to_us: at("16:12") });
  expect(json.totals).toMatchObject({ minutes: 12, equal: 12 });
});
