/** What is known of one window, and that its ticks recompute to it: sizes, hops, archive, times, ids. */
import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { usFromIso } from "../../../scripts/base/iso.ts";
import type { WindowDetail } from "../../../scripts/contract/window-explained.ts";
import { recomputedText, recomputeSides } from "../../../scripts/window/index.ts";
import { explainText } from "../../../web/model/explain-text.ts";
import { openSources, type Sources } from "../../../web/model/sources.ts";
import { windowDetail } from "../../../web/model/window-detail.ts";
import { parseWindowId } from "../../../web/model/window-id.ts";
import { batch, someMetrics } from "../../support/batch.ts";
import { copyOf, follow, recordedLines, sqlite, tempDir } from "../../support/data.ts";
import { run } from "../../support/process.ts";

setDefaultTimeout(120_000);

const LINES = recordedLines();
const ALL = { as_of_us: null, limit: 50_000, archive: true };

function changed(line: string, to: { trade_id?: number; product_id?: string; time?: string }): string {
  return JSON.stringify({ ...(JSON.parse(line) as object), ...to });
}

/** Those of the batch's side. */
const metrics = someMetrics("reconciliation", "windows_by_minute");
afterAll(() => metrics[Symbol.dispose]());
const runBatch = (data: string) => batch(data, ["--sql", metrics.path]);

/** A copy of a directory with one batch over `lines`. */
const batchOver = (name: string, lines: () => string[]) =>
  copyOf(`window-detail ${name}`, async (data) => {
    await follow(data, lines());
    await runBatch(data);
  });
const short = () => batchOver("short", () => LINES.slice(0, 900));
const oneLate = () => batchOver("late", () => [...LINES.slice(0, 2_000), changed(LINES[500]!, { trade_id: 900_500 })]);

const open: Sources[] = [];
function detailOf(
  data: string,
  id: string,
  options: Partial<typeof ALL> | { as_of_us: number } = {},
): Promise<WindowDetail> {
  const sources = openSources(dataPaths(data));
  open.push(sources);
  return windowDetail(sources, parseWindowId(id), { ...ALL, ...options });
}
afterEach(() => {
  for (const sources of open.splice(0)) sources.close();
});

/** The outcome of both sides' recomputation. */
function recomputed(detail: WindowDetail): [stream: boolean | null, batch: boolean | null] {
  const [stream, batch] = recomputeSides(detail, (iso) => usFromIso(iso)!);
  return [stream.is_equal, batch.is_equal];
}

test("every window of several sizes, of hops too, is what its ticks recompute to, on both sides", async () => {
  using dir = tempDir();
  const late = [3, 40, 500].map((i) => changed(LINES[i]!, { trade_id: 900_000 + i }));
  await follow(
    dir.path,
    [...LINES.slice(0, 1_500), ...late],
    ["stream", "consume"],
    ["--window", "1m,2m", "--every", "30s"],
  );
  await runBatch(dir.path);
  const rows = sqlite<{ start: string; size_us: number; final: number }>(
    dir.path,
    "windows.db",
    "SELECT window_start AS start, size_us, final FROM windows ORDER BY size_us, window_start_us",
  );
  const wrong: string[] = [];
  const states = new Set<string>();
  for (const { start, size_us, final } of rows) {
    const id = `BTC-USD@${start}/${size_us / 1e6}s`;
    const detail = await detailOf(dir.path, id);
    states.add(`${detail.state} ${detail.outcome}`);
    const [stream, other] = recomputed(detail);
    if (stream !== true || (final !== 0 && other !== true)) wrong.push(`${id}: ${stream} ${other} ${detail.verdict}`);
    const differing = detail.columns.filter(({ mark }) => mark === "differs").length;
    if (differing > 0 !== (detail.outcome === "explained")) wrong.push(`${id}: ${differing} ${detail.outcome}`);
  }
  expect(wrong).toEqual([]);
  expect([...states].sort()).toEqual(["closed equal", "closed explained", "open open"]);
});

describe("one path with late ticks", () => {
  test("late ticks, revisions, positions, the run; a sum of five minutes shows the minutes", async () => {
    using dir = await oneLate();
    const detail = await detailOf(dir.path, "BTC-USD@2023-09-05T16:02/1m");
    expect(detail).toMatchObject({
      path: "/window/BTC-USD@2023-09-05T16:02/1m",
      verdict: expect.stringMatching(/^\d+ columns differ by exactly its late tick$/),
      late_count: 1,
      late: [{ trade_id: 900_500, log_partition: 0, log_offset: 2_000 }],
      revisions: [{ revision: 1, caused_by_trade_id: 900_500 }],
      stream: { closed: { log_partition: 0, log_offset: 838 } },
      batch: { run_id: 1, metric: "reconciliation", sql: expect.stringContaining("FULL JOIN") },
    });
    const five = await detailOf(dir.path, "BTC-USD@2023-09-05T16:00/5m");
    expect(recomputed(five)).toEqual([true, true]);
    expect(five).toMatchObject({ summed_from: "1m", outcome: "explained", late_count: 1 });
    expect(five.parts.map(({ id, outcome }) => [id.slice(21), outcome])).toEqual(
      ["00", "01", "02", "03", "04"].map((m) => [`:${m}/1m`, m === "02" ? "explained" : "equal"]),
    );
    const count = five.columns.find(({ column }) => column === "trade_count")!;
    expect([count.late, Number(count.stream) + 1]).toEqual(["1", Number(count.batch)]);
  });

  test("as of an earlier time: without what came later", async () => {
    using dir = tempDir();
    await follow(dir.path, LINES.slice(0, 2_000));
    const [row] = sqlite<{ us: number }>(dir.path, "windows.db", "SELECT max(updated_at) AS us FROM windows");
    await follow(dir.path, [changed(LINES[500]!, { trade_id: 900_500 })]);
    await runBatch(dir.path);
    const id = "BTC-USD@2023-09-05T16:02/1m";
    const [then, now] = [await detailOf(dir.path, id, { as_of_us: row!.us }), await detailOf(dir.path, id)];
    expect([then.late_count, then.revisions.length, now.late_count]).toEqual([0, 0, 1]);
    expect(then.ticks.rows.length).toBe(now.ticks.rows.length - 1);
    expect(recomputed(then)).toEqual([true, null]);
    const first_us = usFromIso(then.ticks.rows[0]!.appended_at)!;
    const before = await detailOf(dir.path, id, { as_of_us: first_us - 1 });
    const nothing = { state: "none", verdict: "Nothing was known of it then", stream: null, ticks: { rows: [] } };
    expect(before).toMatchObject(nothing);
    expect(recomputed(before)).toEqual([null, null]);
    expect(await detailOf(dir.path, "BTC-USD@2023-09-05T16:00/5m", { as_of_us: first_us - 1 })).toMatchObject({
      ...nothing,
      parts: [],
    });
  });

  test("pruned ticks come from the archive; until it is read they are pending (the newest tick is never pruned)", async () => {
    using dir = await oneLate();
    expect((await run("prune", ["--data", dir.path, "--retain", "0s"])).code).toBe(0);
    const id = "BTC-USD@2023-09-05T16:02/1m";
    const pending = await detailOf(dir.path, id, { archive: false });
    expect(pending.ticks).toMatchObject({ is_pending: true, rows: { length: 1 } });
    const whole = await detailOf(dir.path, id);
    expect(whole.ticks).toMatchObject({ from: "archive", is_pending: false, error: null });
    expect(recomputed(whole)).toEqual([true, true]);
    expect((await detailOf(dir.path, id, { limit: 10 })).ticks).toMatchObject({ is_cut: true, rows: { length: 10 } });
  });
});

test("a window that only the batch has, and one whose ticks were all late", async () => {
  using dir = await short();
  await follow(dir.path, LINES.slice(900, 1_500), ["consume"]);
  await runBatch(dir.path);
  const ahead = await detailOf(dir.path, "BTC-USD@2023-09-05T16:06/1m");
  expect(ahead).toMatchObject({ state: "none", outcome: null, stream: null, batch: { metric: "windows_by_minute" } });
  expect(recomputed(ahead)).toEqual([null, true]);
  // An hour before the first window.
  const early = changed(LINES[3]!, { trade_id: 900_003, time: "2023-09-05T15:00:01.000000Z" });
  await follow(dir.path, [early]);
  await runBatch(dir.path);
  const late = await detailOf(dir.path, "BTC-USD@2023-09-05T15:00/1m");
  expect(late).toMatchObject({ state: "late", late_count: 1, stream: null });
  expect(recomputed(late)).toEqual([null, true]);
});

test("minutes that the stored result leaves out are asked of the archive", async () => {
  using dir = tempDir();
  const minute = (i: number) => new Date(1_693_929_600_000 + i * 60_000).toISOString();
  const lines = Array.from({ length: 10_050 }, (_, i) => changed(LINES[i]!, { trade_id: i + 1, time: minute(i) }));
  await follow(dir.path, lines);
  await runBatch(dir.path);
  const id = "BTC-USD@2023-09-05T16:03/1m";
  expect((await detailOf(dir.path, id, { archive: false })).ticks.is_pending).toBe(true);
  const detail = await detailOf(dir.path, id);
  expect(detail).toMatchObject({ outcome: "equal", batch: { note: expect.stringContaining("archive") } });
  expect(recomputed(detail)).toEqual([true, true]);
});

test("what differs is named: the stored value and the computed one", async () => {
  using dir = await short();
  sqlite(dir.path, "windows.db", "UPDATE windows SET vwap = '1.5' WHERE window_start LIKE '%16:01:00%'");
  const detail = await detailOf(dir.path, "BTC-USD@2023-09-05T16:01/1m");
  const [stream] = recomputeSides(detail, (iso) => usFromIso(iso)!);
  expect(recomputedText(stream)).toMatch(
    /^stream: \d+ ticks; 1 of 19 columns differ: vwap \(stored 1\.5, computed 25\d+\.\d+\)$/,
  );
});

test("an hour whose minutes are all closed is open until it is over itself, as in the chart", async () => {
  using dir = await short();
  // As of a product without a tick since.
  sqlite(dir.path, "windows.db", "DELETE FROM windows WHERE final = 0");
  const detail = await detailOf(dir.path, "BTC-USD@2023-09-05T16:00/1h");
  expect(detail).toMatchObject({ state: "open", outcome: "open" });
  expect(new Set(detail.columns.map(({ mark }) => mark))).toEqual(new Set([null]));
});

test("while consume has not stored a closed window's ticks, nothing is compared with them", async () => {
  using dir = tempDir();
  await follow(dir.path, LINES.slice(0, 300));
  await follow(dir.path, LINES.slice(300, 1_500), ["stream"]);
  for (const [id, text] of [
    [
      "BTC-USD@2023-09-05T16:03/1m",
      "stream: 0 ticks; nothing is compared, because consume has not stored all its ticks",
    ],
    [
      "BTC-USD@2023-09-05T16:07/1m",
      "stream: 0 ticks; nothing is compared, because consume has not stored all its ticks",
    ],
  ] as const) {
    const detail = await detailOf(dir.path, id);
    expect(detail.ticks).toMatchObject({ from: "ticks.db", is_behind: true });
    const [stream] = recomputeSides(detail, (iso) => usFromIso(iso)!);
    expect([stream.is_equal, recomputedText(stream)]).toEqual([null, text]);
  }
  await follow(dir.path, [], ["consume"]);
  const detail = await detailOf(dir.path, "BTC-USD@2023-09-05T16:03/1m");
  expect([detail.ticks.is_behind, recomputed(detail)[0]]).toEqual([false, true]);
});

test("a made-up id, far above or below the others of its window, leaves its ticks in ticks.db", async () => {
  for (const trade_id of [9_000_000_000, 1]) {
    using dir = tempDir();
    const lines = LINES.slice(0, 7_000).map((line) => changed(line, { trade_id: JSON.parse(line).trade_id + 10_000 }));
    lines[3_500] = changed(lines[3_500]!, { trade_id });
    await follow(dir.path, lines);
    const start = `${JSON.parse(lines[3_500]!).time.slice(0, 16)}`;
    const detail = await detailOf(dir.path, `BTC-USD@${start}/1m`);
    expect(detail.ticks).toMatchObject({ from: "ticks.db", is_pending: false });
    expect(recomputed(detail)[0]).toBe(true);
  }
});

test("why the archive can't be read is stated in place of the batch's side", async () => {
  using dir = await short();
  const sources = openSources(dataPaths(dir.path));
  open.push(sources);
  cutTo(sources, "windows_by_minute", 2);
  cutTo(sources, "reconciliation", 1);
  rmSync(dataPaths(dir.path).archive, { recursive: true });
  const detail = await windowDetail(sources, parseWindowId("BTC-USD@2023-09-05T16:00/1m"), ALL);
  expect(explainText(detail, [])).toContain("batch       The archive can't be read: ");
  expect([detail.batch, detail.batch_error?.slice(0, 25)]).toEqual([null, "The archive can't be read"]);
});

test("an equal window that the cut comparison does not list has the batch's side, of any size", async () => {
  using dir = tempDir();
  await follow(dir.path, LINES.slice(0, 1_500), ["stream", "consume"], ["--window", "30s"]);
  await runBatch(dir.path);
  const id = "BTC-USD@2023-09-05T16:00/30s";
  const whole = await detailOf(dir.path, id);
  const sources = openSources(dataPaths(dir.path));
  open.push(sources);
  cutTo(sources, "reconciliation", 3);
  const detail = await windowDetail(sources, parseWindowId(id), ALL);
  expect(detail.outcome).toBe("equal");
  expect(detail.columns).toEqual(whole.columns);
});

/** As if only the first `count` rows of a result were stored. */
function cutTo(sources: Sources, metric: string, count: number): void {
  const get = sources.metrics.get.bind(sources.metrics);
  sources.metrics.get = (name: string) => {
    const result = get(name);
    if (name !== metric || result === null) return result;
    return { ...result, rows: result.rows.slice(0, count), truncated: true };
  };
}
