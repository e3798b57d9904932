/** What the page states of agreement: counts per product and size, differences, the verdict's words. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { parseUnits } from "../../../scripts/base/decimal.ts";
import { differences, sameDigits } from "../../../web/model/differences.ts";
import { agreementOf, agreements, notCounted } from "../../../web/model/reconciliation.ts";
import { sizeOfUs } from "../../../web/model/selection.ts";
import { openSources, type Sources } from "../../../web/model/sources.ts";
import type { Stage } from "../../../web/model/stage-states.ts";
import { verdictOf } from "../../../web/model/verdict.ts";
import { batch, metricFolder } from "../../support/batch.ts";
import { copyOf, fillLog, follow, ROOT, recordedLines, sqlite, tempDir } from "../../support/data.ts";

setDefaultTimeout(120_000);

const LINES = recordedLines();
const MINUTE = { product: "BTC-USD", size: sizeOfUs(60_000_000) };
const RESTING = { stages: [], problems: [] };

function changed(line: string, to: { trade_id?: number; product_id?: string }): string {
  return JSON.stringify({ ...(JSON.parse(line) as object), ...to });
}
const LATE = [3, 40, 500].map((i) => changed(LINES[i]!, { trade_id: 900_000 + i }));

const SAME = ["--metric", "reconciliation"];
/** Copies of a directory with three late ticks, and of one that a batch has compared. */
const withLate = () => copyOf("agreement late", (data) => follow(data, [...LINES.slice(0, 2_000), ...LATE]));
const calm = () =>
  copyOf("agreement calm", async (data) => {
    await follow(data, LINES.slice(0, 900));
    await batch(data, SAME);
  });

const open: Sources[] = [];
function sourcesOf(data: string): Sources {
  const sources = openSources(dataPaths(data));
  open.push(sources);
  return sources;
}
afterEach(() => {
  for (const sources of open.splice(0)) sources.close();
});

/** Closed windows and revised ones, as the stream's own file has them. */
function counted(data: string, product: string, size_us: number): [closed: number, revised: number] {
  const of = `product_id = '${product}' AND size_us = ${size_us}`;
  const [closed] = sqlite<{ n: number }>(
    data,
    "windows.db",
    `SELECT count(*) AS n FROM windows WHERE ${of} AND final <> 0`,
  );
  const sql = `SELECT count(DISTINCT window_start_us) AS n FROM late_ticks WHERE ${of}`;
  return [closed!.n, sqlite<{ n: number }>(data, "windows.db", sql)[0]!.n];
}

test("over 10,000 windows of four products and two sizes each one's counts are exact, and so is their sum", async () => {
  using dir = tempDir();
  const products = ["BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD"];
  const all = products.map((product_id, i) => LINES.map((line) => (i === 0 ? line : changed(line, { product_id }))));
  await fillLog(dir.path, [...all.flat(), ...LATE, changed(LATE[0]!, { product_id: "SOL-USD" })], { batch: 5_000 });
  await follow(dir.path, [], ["stream", "consume"], ["--window", "1s,1m", "--flush"]);
  const { json } = await batch(dir.path, SAME);
  const whole = json.reconciliation!;
  expect(whole.compared).toBeGreaterThan(10_000);
  const sources = sourcesOf(dir.path);
  expect(sources.metrics.get("reconciliation")).toMatchObject({ truncated: true });
  const found = agreements(sources);
  expect(found.map(({ product, window }) => `${product} ${window}`)).toEqual(
    products.flatMap((product) => ["1s", "1m"].map((size) => `${product} ${size}`)),
  );
  for (const { product, window, compared, equal, explained, unexplained, pending } of found) {
    const [closed, revised] = counted(dir.path, product, window === "1s" ? 1e6 : 60e6);
    expect([product, window, compared, explained, unexplained, pending]).toEqual([
      product,
      window,
      closed,
      revised,
      0,
      0,
    ]);
    expect(equal).toBe(compared - explained);
  }
  for (const name of ["compared", "equal", "explained"] as const)
    expect(found.reduce((sum, one) => sum + one[name], 0)).toBe(whole[name]);
  expect(agreementOf(sources, MINUTE)).toMatchObject({ explained: 2, late_ticks: 3 });
  expect(agreementOf(sources, { ...MINUTE, size: sizeOfUs(1_000_000) })).toMatchObject({ explained: 3, late_ticks: 3 });
  // 5m is not compared: its sentence covers the minutes from which it is summed.
  const summed = { us: 300_000_000, name: "5m", from_us: 60_000_000 };
  expect(verdictOf(sources, { ...MINUTE, size: summed }, RESTING)).toMatchObject({
    of: "BTC-USD 1m",
    details: ["5m is summed from 1m, which is compared"],
  });
});

describe("a path with three late ticks", () => {
  test("the sentence, and per differing column: stream + late ticks = batch", async () => {
    using dir = await withLate();
    await batch(dir.path, SAME);
    const sources = sourcesOf(dir.path);
    const { compared } = agreementOf(sources, MINUTE)!;
    const verdict = verdictOf(sources, MINUTE, RESTING);
    expect(verdict).toMatchObject({
      state: "explained",
      of: "BTC-USD 1m",
      headline: `${compared - 2} of ${compared} equal to the last digit; 2 differ by exactly their 3 late ticks; 0 unexplained`,
      title: `${compared - 2} of ${compared} equal`,
      is_alarm: false,
      as_of: null,
      details: [],
    });
    const { shown, total } = differences(sources, MINUTE);
    expect(total).toBe(2);
    expect(shown.map(({ id, late_count, revisions }) => [id, late_count, revisions])).toEqual([
      ["BTC-USD@2023-09-05T16:02/1m", 1, 1],
      ["BTC-USD@2023-09-05T16:00/1m", 2, 2],
    ]);
    for (const { columns, late, closed } of shown) {
      const added = columns.filter((one) => one.late !== null);
      expect(added.map(({ column }) => column)).toEqual(
        expect.arrayContaining(["trade_count", "total_volume", "price_sum"]),
      );
      for (const { stream, late, batch, same } of added) {
        expect(parseUnits(stream!, 18) + parseUnits(late!, 18)).toBe(parseUnits(batch!, 18));
        expect([batch!.slice(0, same), batch![same]]).toEqual([
          stream!.slice(0, same),
          expect.not.stringMatching(stream![same] ?? "none"),
        ]);
      }
      expect(late.length).toBeGreaterThan(0);
      expect(closed).not.toBeNull();
    }
    // While the stream's file is away, and when it is there again.
    const path = join(dir.path, "windows.db");
    const lateNow = () =>
      sources.leniently(() =>
        differences(sources, MINUTE).shown.map(({ late_count, late }) => [late_count, late.length]),
      );
    renameSync(path, `${path}.away`);
    expect(lateNow()).toEqual([
      [1, 0],
      [2, 0],
    ]);
    renameSync(`${path}.away`, path);
    expect(lateNow()).toEqual(shown.map(({ late_count, late }) => [late_count, late.length]));
  });

  test("only the first digits that are at the same places are the same ones", () => {
    expect(sameDigits("25738.31", "25738.39")).toBe(7);
    expect(sameDigits("99.5", "100.5")).toBe(0);
    expect(sameDigits("Bearish", "Bullish")).toBe(0);
    expect(sameDigits(null, "1")).toBe(0);
  });

  test("a stage that is down: as of which minute, and why; at rest nothing is added", async () => {
    using dir = await calm();
    const sources = sourcesOf(dir.path);
    const stage = { name: "consume", state: "silent", detail: "not heard of since 16:02", alive_us: 1 } as Stage;
    expect(verdictOf(sources, MINUTE, { stages: [stage], problems: [] })).toMatchObject({
      as_of: expect.stringMatching(/^16:\d\d$/),
      stale: "consume is down: not heard of since 16:02",
    });
    const ended = { ...stage, ended: true };
    // One that has not run yet is not down.
    for (const calm of [ended, { ...stage, alive_us: 0 }])
      expect(verdictOf(sources, MINUTE, { stages: [calm], problems: [] })).toMatchObject({ as_of: null, stale: null });
  });
});

test("before the first comparison: no window, one that is open, ones that wait; never a count of 0", async () => {
  using dir = tempDir();
  const headline = () => {
    const { state, headline, first, details } = verdictOf(sourcesOf(dir.path), MINUTE, RESTING);
    expect([headline, ...details].join(" ")).not.toMatch(/\b0 (?!unexplained)|pending/);
    return { state, headline, first };
  };
  expect(headline()).toEqual({ state: "nothing", headline: "No window yet: the first tick opens one", first: null });
  await follow(dir.path, LINES.slice(0, 100));
  expect(headline()).toEqual({
    state: "first",
    headline: "16:00 closes at 16:02:00; then both are compared",
    first: { start_ms: 1693929600_000, closes_ms: 1693929720_000 },
  });
  await follow(dir.path, LINES.slice(100, 900), ["stream"]);
  expect(headline().headline).toMatch(/^\d windows closed and wait for the next batch run; then both are compared$/);
  await batch(dir.path, SAME);
  expect(headline()).toMatchObject({
    state: "waiting",
    headline: expect.stringMatching(/wait until consume has read all their ticks; then both are compared$/),
  });
  await follow(dir.path, [], ["consume"]);
  await batch(dir.path, SAME);
  expect(headline()).toMatchObject({
    state: "equal",
    headline: expect.stringMatching(/^(\d) of \1 equal to the last digit; 0 unexpl/),
  });
}, 120_000);

test("windows that closed since the run are counted as of now; consume is named only while it is behind", async () => {
  using dir = await calm();
  const details = (consume: Partial<Stage> = {}) => {
    const stages = [{ name: "consume", state: "running", ...consume } as Stage];
    return verdictOf(sourcesOf(dir.path), MINUTE, { stages, problems: [] }).details;
  };
  expect(details()).toEqual([]);
  const [before] = counted(dir.path, "BTC-USD", 60_000_000);
  await follow(dir.path, LINES.slice(900, 2_000), ["stream"]);
  const closed = counted(dir.path, "BTC-USD", 60_000_000)[0] - before;
  expect(closed).toBeGreaterThan(1);
  expect(details({ lag: 1_100 })).toEqual([
    `${closed} windows closed and not compared yet: consume has not read all their ticks`,
  ]);
  // It has none left to read: only a run is missing.
  const next = [`${closed} windows have closed since run 1; the next run compares them`];
  expect(details({ lag: 0 })).toEqual(next);
  await follow(dir.path, [], ["consume"]);
  expect(details({ lag: 3 })).toEqual(next);
  await batch(dir.path, SAME);
  expect(details({ lag: 3 })).toEqual([]);
});

test("closed windows that can never be compared are not said to wait for a run", async () => {
  using dir = await calm();
  const sources = sourcesOf(dir.path);
  const get = sources.metrics.get.bind(sources.metrics);
  // As after a stage was rebuilt from a log that had been cut.
  sources.metrics.get = (name: string) => {
    const result = get(name);
    if (name !== "reconciliation" || result === null) return result;
    return { ...result, rows: result.rows.map((row) => ({ ...row, outcome: "unread" })) };
  };
  const verdict = verdictOf(sources, MINUTE, RESTING);
  expect(verdict).toMatchObject({
    state: "unread",
    headline: "No closed window can be compared: ticks had left the log before a stage was rebuilt",
    title: "not compared",
  });
  // One that closed since waits for the next run.
  await follow(dir.path, LINES.slice(900, 1_100));
  expect(verdictOf(sources, MINUTE, RESTING)).toMatchObject({
    state: "waiting",
    headline: expect.stringMatching(/^1 window closed and waits for the next batch run/),
  });
});

test("a row changed by hand is an alarm that leads the sentence", async () => {
  using dir = await withLate();
  const where = "WHERE final = 1 AND window_start = '2023-09-05T16:05:00.000000Z'";
  sqlite(dir.path, "windows.db", `UPDATE windows SET price_sum = '1.5' ${where}`);
  await batch(dir.path, SAME);
  const sources = sourcesOf(dir.path);
  expect(verdictOf(sources, MINUTE, RESTING)).toMatchObject({
    state: "unexplained",
    headline: expect.stringMatching(
      /^1 unexplained; \d+ of \d+ equal to the last digit; 2 differ by exactly their 3 late ticks$/,
    ),
    title: "1 unexplained",
    is_alarm: true,
  });
  expect(differences(sources, MINUTE).shown[0]).toMatchObject({
    outcome: "unexplained",
    differs: expect.stringContaining("price_sum"),
    columns: expect.arrayContaining([expect.objectContaining({ column: "price_sum", stream: "1.5" })]),
  });
});

test("an edited reconciliation.sql: counted from its rows while all are there, else a sentence names what is missing", async () => {
  using dir = await withLate();
  using sql = metricFolder({});
  const shipped = join(ROOT, "sql/metrics/reconciliation.sql");
  const file = join(sql.path, "reconciliation.sql");
  const edited = (from: string, to: string) => writeFileSync(file, readFileSync(shipped, "utf8").replace(from, to));
  cpSync(shipped, file);
  await batch(dir.path, ["--sql", sql.path]);
  const whole = agreementOf(sourcesOf(dir.path), MINUTE)!;

  edited("windows_of_kind, CAST(late_of_kind AS BIGINT) AS late_of_kind,", "");
  await batch(dir.path, ["--sql", sql.path]);
  expect(agreementOf(sourcesOf(dir.path), MINUTE)).toEqual({ ...whole, run_id: whole.run_id + 1 });
  sqlite(dir.path, "results.db", "UPDATE results SET truncated = 1 WHERE metric = 'reconciliation'");
  expect(notCounted(sourcesOf(dir.path))).toEndWith("reconciliation.sql lacks: windows_of_kind, late_of_kind.");

  edited("AS window_start, product_id, size_us,", "AS window_start, product_id AS product, size_us,");
  await batch(dir.path, ["--sql", sql.path]);
  const verdict = verdictOf(sourcesOf(dir.path), MINUTE, RESTING);
  expect(verdict).toMatchObject({ state: "not_compared", counts: null });
  expect(verdict.details[0]).toContain("product_id");
});
