/** The main chart's answer: sums that are exact, the union of both pipelines, an outcome per window. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import type { MetricResult, Row } from "../../../scripts/contract/results.ts";
import { OlderAnswers } from "../../../web/answers/older-windows.ts";
import { batchSide } from "../../../web/model/batch-side.ts";
import { batchChanges, chartAnswer, RANGES_US, spanOfRange } from "../../../web/model/chart.ts";
import { choices, firstSize, type Selection } from "../../../web/model/selection.ts";
import { Sources } from "../../../web/model/sources.ts";
import { streamSide } from "../../../web/model/stream-side.ts";
import { windows } from "../../../web/model/windows.ts";
import { follow, ROOT, recordedLines, sqlite, tempDir } from "../../support/data.ts";
import { run } from "../../support/process.ts";

setDefaultTimeout(120_000);

const MINUTE = 60_000_000;
const START = 1_693_929_600_000_000;
const DISORDERED = join(ROOT, "data/recordings/coinbase-btc-usd-2023-09-05T16-disordered.jsonl.gz");
const NO_LOG = { name: "", last: { spans: null, asked_us: null, error: null, away_us: null } } as never;
const sourcesOf = (data: string) => new Sources(dataPaths(data), NO_LOG);
const minutes: Selection = { product: "BTC-USD", size: { us: MINUTE, name: "1m" } };
const summed = (us: number, name: string): Selection => ({ product: "BTC-USD", size: { us, name, from_us: MINUTE } });
const [FIVE, HOUR] = [summed(5 * MINUTE, "5m"), summed(60 * MINUTE, "1h")];
const all = (sources: Sources, selection: Selection) =>
  chartAnswer(sources, selection, spanOfRange(sources, selection, "all"));

const [hour, kept, late, dead] = [tempDir(), tempDir(), tempDir(), tempDir()];
beforeAll(async () => {
  const lines = recordedLines();
  await follow(hour.path, lines);
  await follow(kept.path, lines, ["stream"], ["--window", "1s,1m,5m,1h"]);
  await follow(late.path, recordedLines(DISORDERED), ["stream", "consume"], ["--flush"]);
  // The stream stops after ten minutes; consume and the batch continue.
  await follow(dead.path, lines.slice(0, 1_800));
  await follow(dead.path, lines.slice(1_800), ["consume"]);
  for (const { path } of [hour, late, dead]) expect((await run("batch", ["--data", path])).code).toBe(0);
});
afterAll(() => {
  for (const one of [hour, kept, late, dead]) one[Symbol.dispose]();
});

describe("sums", () => {
  test("5m and 1h from 1m are the windows that a stream of these sizes keeps, to the last digit", () => {
    const [from, of] = [sourcesOf(hour.path), sourcesOf(kept.path)];
    for (const selection of [FIVE, HOUR]) {
      const { product, size } = selection;
      const stored = all(of, { product, size: { us: size.us, name: size.name } });
      expect(stored.stream.length).toBe(size.us === FIVE.size.us ? 12 : 1);
      expect(all(from, selection).stream).toEqual(stored.stream);
      // The batch has the same windows.
      expect(all(from, selection).batch).toEqual(stored.stream.map((bar) => bar.slice(0, 8)) as never);
      const query = { product, size_us: size.us, from_us: null, to_us: null, limit: 100 };
      const row = ({ updated_at, ...rest }: ReturnType<typeof windows>[number]) => rest;
      expect(windows(from, query).map(row)).toEqual(windows(of, query).map(row));
    }
  });

  test("the page offers them where the stream keeps 1m, and opens on 1m", () => {
    const names = (data: string) => choices(sourcesOf(data)).sizes.map(({ name, from_us }) => [name, from_us]);
    expect(names(hour.path)).toEqual([
      ["1m", undefined],
      ["5m", MINUTE],
      ["1h", MINUTE],
    ]);
    expect(names(kept.path)).toEqual(["1s", "1m", "5m", "1h"].map((name) => [name, undefined]));
    expect(firstSize(choices(sourcesOf(kept.path))).name).toBe("1m");
  });

  test("sentiments of a sum are those of the windows that it is summed from, on both sides", () => {
    const sources = sourcesOf(hour.path);
    const ofMinutes = [streamSide(sources, minutes).sentiment, batchSide(sources, minutes).sentiment];
    expect(Object.values(ofMinutes[1]!).reduce((sum, n) => sum + n, 0)).toBeGreaterThan(50);
    for (const selection of [FIVE, HOUR])
      expect([streamSide(sources, selection).sentiment, batchSide(sources, selection).sentiment]).toEqual(ofMinutes);
  });

  test("a limit and times cut whole sums", () => {
    const sources = sourcesOf(hour.path);
    const asked = (from_us: number | null, to_us: number | null, limit: number) =>
      windows(sources, { product: null, size_us: 5 * MINUTE, from_us, to_us, limit }).map((w) =>
        w.window_start.slice(11, 16),
      );
    expect(asked(null, null, 2)).toEqual(["16:55", "16:50"]);
    expect(asked(START + MINUTE, START + 11 * MINUTE, 9)).toEqual(["16:10", "16:05"]);
    const trades = (us: number) =>
      windows(sources, { product: null, size_us: us, from_us: null, to_us: null, limit: 99 });
    expect(trades(60 * MINUTE)[0]!.trade_count).toBe(13_197);
  });
});

describe("the answer", () => {
  test("when the stream is dead, the batch's windows are beyond its own", () => {
    const answer = all(sourcesOf(dead.path), minutes);
    expect(answer.stream.length).toBeLessThan(15);
    expect(answer.batch.length).toBe(60);
    expect(answer.to_s).toBe(START / 1e6 + 3_600);
    expect(answer.horizon_s).toBeGreaterThan(answer.stream.at(-1)![0] + 600);
    // The newest ranges end with the batch, where the stream has nothing.
    const newest = chartAnswer(sourcesOf(dead.path), minutes, spanOfRange(sourcesOf(dead.path), minutes, "15m"));
    expect([newest.stream.length, newest.batch.length]).toEqual([0, 15]);
  });

  test("a span is widened to whole windows; a range has ten windows at least", () => {
    const sources = sourcesOf(hour.path);
    const span = { from_us: START + 130e6, to_us: START + 200e6 };
    expect(chartAnswer(sources, minutes, span).stream.map(([start_s]) => start_s - START / 1e6)).toEqual([120, 180]);
    expect(chartAnswer(sources, FIVE, span).stream).toEqual(all(sources, FIVE).stream.slice(0, 1));
    for (const range of ["15m", "1h", "6h"] as const) {
      const { from_us, to_us } = spanOfRange(sources, HOUR, range);
      expect(to_us - from_us).toBe(Math.max(RANGES_US[range], 10 * HOUR.size.us));
    }
  });

  test("late ticks per window are those that the stream noted", () => {
    const noted = sqlite<{ start_s: number; n: number }>(
      late.path,
      "windows.db",
      "SELECT window_start_us / 1000000 AS start_s, count(*) AS n FROM late_ticks WHERE size_us = 60000000 GROUP BY 1 ORDER BY 1",
    );
    expect(noted.length).toBeGreaterThan(2);
    const { stream } = all(sourcesOf(late.path), minutes);
    expect(stream.filter((bar) => bar[9] > 0).map((bar) => [bar[0], bar[9]])).toEqual(
      noted.map(({ start_s, n }) => [start_s, n]),
    );
    const total = noted.reduce((sum, { n }) => sum + n, 0);
    expect(all(sourcesOf(late.path), HOUR).stream.reduce((sum, bar) => sum + bar[9], 0)).toBe(total);
  });

  test("there is nothing to draw before the first stage has run", () => {
    using empty = tempDir();
    const answer = all(sourcesOf(empty.path), minutes);
    expect(answer).toMatchObject({
      stream: [],
      batch: [],
      cells: [],
      runs: [],
      run_id: 0,
      horizon_s: null,
      first_s: null,
    });
  });
});

test("the horizon is the product's own, and none where no run has the product", () => {
  const sources = sourcesOf(hour.path);
  const other: Selection = { product: "ETH-USD", size: minutes.size };
  expect(all(sources, minutes).horizon_s).toBeGreaterThan(START / 1e6 + 3_590);
  expect(all(sources, other)).toMatchObject({ run_id: 1, horizon_s: null });
  expect(batchChanges(sources, other, 0)).toMatchObject({ horizon_s: null });
});

describe("outcomes", () => {
  /** The stored reconciliation, cut after `rows` rows, in the order that the metric has. */
  function cut<T>(count: number, work: (sources: Sources) => T): T {
    const sources = sourcesOf(late.path);
    const get = sources.metrics.get.bind(sources.metrics);
    sources.metrics.get = (name: string): MetricResult | null => {
      const result = get(name);
      if (name !== "reconciliation" || result === null) return result;
      return { ...result, rows: result.rows.slice(0, count), truncated: count < result.rows.length };
    };
    return work(sources);
  }
  const rows = (): Row[] => sourcesOf(late.path).metrics.get("reconciliation")!.rows;

  test("each compared window has its own, and an hour the worst of its minutes", () => {
    const cells = all(sourcesOf(late.path), minutes).cells;
    const expected = rows().map((row) => [
      Date.parse(String(row.window_start)) / 1_000,
      row.outcome,
      Number(row.late_count),
    ]);
    expect(cells).toEqual(expected.sort((a, b) => Number(a[0]) - Number(b[0])) as never);
    expect(new Set(cells.map(([, outcome]) => outcome))).toEqual(new Set(["equal", "explained"]));
    const five = all(sourcesOf(late.path), FIVE).cells;
    for (const [start_s, outcome, count] of five) {
      const within = cells.filter(([s]) => s >= start_s && s < start_s + 300);
      const worst = within.some(([, one]) => one === "explained") ? "explained" : "equal";
      expect([outcome, count]).toEqual([worst, within.reduce((sum, [, , n]) => sum + n, 0)]);
    }
    expect(five.length).toBe(12);
  });

  test("a result that is cut among the equal ones has all others, so the rest is equal", () => {
    const whole = all(sourcesOf(late.path), minutes).cells;
    const bad = rows().filter((row) => row.outcome !== "equal").length;
    for (const count of [bad + 1, bad + 7, rows().length - 1, rows().length])
      expect(cut(count, (sources) => all(sources, minutes).cells)).toEqual(whole);
  });

  test("of a result that is cut before them, a window that it leaves out has no outcome", () => {
    const whole = all(sourcesOf(late.path), minutes).cells;
    const listed = new Set(
      rows()
        .slice(0, 2)
        .map((row) => Date.parse(String(row.window_start)) / 1_000),
    );
    expect(cut(2, (sources) => all(sources, minutes).cells)).toEqual(whole.filter(([start_s]) => listed.has(start_s)));
  });

  test("a window that was committed after the run began, and that the cut result leaves out, has no outcome", () => {
    const [first] = rows()
      .filter((row) => row.outcome === "equal")
      .slice(-1);
    const start_us = Date.parse(String(first!.window_start)) * 1_000;
    const cells = cut(rows().length - 1, (sources) => {
      const all_of = sources.windows.all.bind(sources.windows);
      // As if its final row had been committed after the run began.
      sources.windows.all = ((sql: string, parameters: never) =>
        all_of<Row>(sql, parameters).map((row) =>
          row.window_start_us === start_us ? { ...row, updated_at: 9e15 } : row,
        )) as never;
      return all(sources, minutes).cells;
    });
    expect(cells.find(([start_s]) => start_s === start_us / 1e6)).toBeUndefined();
    expect(cells.length).toBe(rows().length - 1);
  });

  test("before the first run closed windows are pending, and open ones open", () => {
    const cells = all(sourcesOf(kept.path), minutes).cells;
    expect(new Set(cells.slice(0, -2).map(([, outcome]) => outcome))).toEqual(new Set(["pending"]));
    expect(cells.at(-1)![1]).toBe("open");
  });
});

describe("older windows", () => {
  /** As if only the newest `count` rows of windows_by_minute were stored. */
  function sourcesWith(count: number): Sources {
    const sources = sourcesOf(hour.path);
    const get = sources.metrics.get.bind(sources.metrics);
    sources.metrics.get = (name: string) => {
      const result = get(name);
      if (name !== "windows_by_minute" || result === null) return result;
      return { ...result, rows: result.rows.slice(0, count), truncated: true };
    };
    return sources;
  }

  test("those that the stored result leaves out come from the archive, the same to the last digit", async () => {
    for (const selection of [minutes, FIVE, HOUR]) {
      const whole = all(sourcesOf(hour.path), selection).batch;
      const sources = sourcesWith(22);
      const answer = all(sources, selection);
      const before_us = answer.older_before_s! * 1e6;
      // Rows of the oldest stored minute, of other products, may be cut.
      expect(answer.batch).toEqual(whole.filter(([start_s]) => start_s * 1e6 >= before_us));
      const older = await new OlderAnswers(sources).windows(selection, { from_us: START, to_us: before_us });
      expect([...older.batch, ...answer.batch]).toEqual(whole);
      expect(older.is_cut).toBe(false);
    }
  });

  test("two questions run at once and four wait, a seventh is refused; the same one is asked once per run", async () => {
    const older = new OlderAnswers(sourcesOf(hour.path));
    const ask = (minute: number) => older.windows(minutes, { from_us: START, to_us: START + minute * MINUTE });
    const [one, two] = [ask(1), ask(2)];
    const waiting = [3, 4, 5, 6].map(ask);
    await expect(ask(7)).rejects.toThrow("6 queries of the archive are asked for already.");
    expect(ask(1)).toBe(one);
    expect((await Promise.all(waiting)).map(({ batch }) => batch.length)).toEqual([3, 4, 5, 6]);
    expect([(await one).batch.length, (await two).batch.length]).toEqual([1, 2]);
    expect((await ask(7)).batch.length).toBe(7);
    expect(ask(2)).toBe(two);
  });

  test("sizes that the batch does not compute have no windows of it", async () => {
    const second: Selection = { product: "BTC-USD", size: { us: 1_000_000, name: "1s" } };
    expect(all(sourcesOf(kept.path), second)).toMatchObject({ batch: [], older_before_s: null });
    const older = new OlderAnswers(sourcesOf(kept.path));
    expect(await older.windows(second, { from_us: START, to_us: START + MINUTE })).toEqual({
      batch: [],
      is_cut: false,
    });
  });
});
