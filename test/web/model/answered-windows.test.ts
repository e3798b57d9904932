/** Completeness of windows that hop, that were cut from a stored result, or that had late ticks only. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { recordedLines, runPath, tempDir } from "../../support/data.ts";
import { measuredPage } from "../../support/measured-page.ts";

const S = 1_000_000;
const MINUTE = 60 * S;
const calm = tempDir();
beforeAll(() => runPath(calm.path, recordedLines().slice(0, 600)), 120_000);
afterAll(() => calm[Symbol.dispose]());
const opened = () => measuredPage(calm.path);

test("windows that hop are not those of the batch, whose figures have that reason", async () => {
  await using here = opened();
  here.run(here.now_us, { positions: { 0: 600 }, histograms: { "curve 60000000": [[S, 10]] } });
  const specs = JSON.stringify([{ size_us: MINUTE, every_us: MINUTE / 2 }]);
  here.sql("windows.db", "UPDATE settings SET value = ? WHERE name = 'windows'", specs);
  for (const word of ["completeness, last 5 minutes", "finality, last 5 minutes", "completeness curve"])
    expect((await here.word(word)).batch).toEqual({
      values: null,
      note: "the batch computes tumbling windows of one minute only; others are computed in the reconciliation, to compare them",
    });
});

test("a window whose ticks were all late lacks all of them in the stream's answer, from its first revision on", async () => {
  await using here = opened();
  here.run(here.now_us, { positions: { 0: 600 } });
  const ticks = here.sql("windows.db", "SELECT sum(trade_count) AS n FROM windows WHERE final <> 0")[0]!.n!;
  const columns = here.sql("windows.db", "SELECT name FROM pragma_table_info('windows')").map(({ name }) => name);
  // The revision of a window long before the first one, with seven late ticks, and its second revision.
  const revise = (revision: number, trade_count: number, updated_at: number) => {
    const changed: Record<string, string> = {
      window_start_us: `window_start_us - ${600 * MINUTE}`,
      trade_count: `${trade_count}`,
      updated_at: `${updated_at}`,
    };
    const values = columns.map((name) => changed[name!] ?? name).join(", ");
    here.sql(
      "windows.db",
      `INSERT INTO window_revisions (revision, caused_by_trade_id, log_partition, log_offset, ${columns.join(", ")})
       SELECT ${revision}, 1, 0, 1, ${values} FROM windows ORDER BY window_start_us LIMIT 1`,
    );
  };
  const stream = async () => (await here.word("completeness, last 5 minutes")).stream.values;
  const before = await stream();
  revise(1, 4, here.now_us - MINUTE);
  revise(2, 7, here.now_us - MINUTE);
  expect(await stream()).toEqual({
    share: ticks / (ticks + 7),
    ticks,
    lacking: 7,
    windows: before!.windows! + 1,
  });
  here.sql("windows.db", "UPDATE window_revisions SET updated_at = ?", here.now_us - 10 * MINUTE);
  expect(await stream()).toEqual(before);
});

test("windows older than the rows that are stored of windows_by_minute are left out, not read as unanswered", async () => {
  await using here = opened();
  here.run(here.now_us, { positions: { 0: 600 } });
  const batch = async () => (await here.word("completeness, last 5 minutes")).batch;
  const whole = (await batch()).values!;
  const text = here.sql("results.db", "SELECT rows FROM results WHERE metric = 'windows_by_minute'")[0]!.rows;
  const rows: { window_start: string; product_id: string }[] = JSON.parse(String(text));
  const starts = [...new Set(rows.map(({ window_start }) => window_start))].sort();
  // The oldest stored row is another product's: that minute's row of this one was cut.
  const kept = rows.filter(({ window_start }) => window_start > starts[1]!);
  const stored = JSON.stringify([...kept, { ...rows[0], window_start: starts[1], product_id: "A-B" }]);
  here.sql("results.db", "UPDATE results SET rows = ?, truncated = 1 WHERE metric = 'windows_by_minute'", stored);
  const cut = await batch();
  expect(cut.values).toMatchObject({ share: 1, lacking: 0, windows: whole.windows! - 2 });
  expect(cut.note).toContain(`windows after ${starts[1]} only`);
});

test("a stored result whose rows were not read has that reason, not a share of 0", async () => {
  await using here = opened();
  here.run(here.now_us, { positions: { 0: 600 } });
  here.sql("results.db", "UPDATE results SET rows = printf('%16000001s', '[]') WHERE metric = 'windows_by_minute'");
  expect((await here.word("completeness, last 5 minutes")).batch).toEqual({
    values: null,
    note: expect.stringContaining("windows_by_minute: Its result has 16000001 characters"),
  });
});
