/** Ticks out of order in windows.db: kept with the checkpoint, bounded, complete from a stated time. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { OUT_OF_ORDER_ROWS_MAX, OUT_OF_ORDER_SLICE_ROWS } from "../../scripts/base/limits.ts";
import type { OutOfOrderRow } from "../../scripts/contract/window.ts";
import { latenessAnswer } from "../../scripts/measure/lateness-answer.ts";
import { OutOfOrderRows } from "../../scripts/store/out-of-order.ts";
import { WindowStore } from "../../scripts/store/window-store.ts";
import { fillLog, ROOT, recordedLines, rowsOf, tempDir } from "../support/data.ts";
import { disorderedLines } from "../support/lateness-cells.ts";
import { run } from "../support/process.ts";

const MINUTE = 60_000_000;
const QUERY = { product: null, size_us: MINUTE, want: null };
const ROWS = "SELECT * FROM out_of_order ORDER BY seq";
const stream = async (data: string, env: Record<string, string> = {}) =>
  run("stream", ["--data", data, "--until-end", "--poll-records", "500"], env);

test("rows are committed with the checkpoint: a restart and a kill before and after a commit give the same rows once", async () => {
  const lines = disorderedLines().slice(0, 3_000);
  using once = tempDir();
  await fillLog(once.path, lines);
  expect((await stream(once.path)).code).toBe(0);
  const rows = rowsOf<OutOfOrderRow>(once.path, "windows.db", ROWS);
  expect(rows.length).toBeGreaterThan(500);
  using killed = tempDir();
  await fillLog(killed.path, lines.slice(0, 1_200));
  expect((await stream(killed.path)).code).toBe(0);
  await fillLog(killed.path, lines.slice(1_200));
  for (const point of ["stream-before-commit:2", "stream-committed:2"])
    expect((await stream(killed.path, { TIDEMARK_DIE_AT: point })).signal).toBe("SIGKILL");
  expect((await stream(killed.path)).code).toBe(0);
  expect(rowsOf<OutOfOrderRow>(killed.path, "windows.db", ROWS)).toEqual(rows);
}, 300_000);

test("a tick that REST filled is stored with its source, also in order, and counts in no curve", async () => {
  using dir = tempDir();
  const lines = recordedLines().slice(0, 600);
  const late = (trade_id: number, more: object) => JSON.stringify({ ...JSON.parse(lines[0]!), trade_id, ...more });
  const filled = JSON.stringify({ ...JSON.parse(lines[599]!), source: "rest" });
  await fillLog(dir.path, [...lines.slice(0, 599), filled, late(90_001, { source: "rest" }), late(90_002, {})]);
  expect((await stream(dir.path)).code).toBe(0);
  const rows = rowsOf<OutOfOrderRow>(dir.path, "windows.db", ROWS);
  expect(rows.map(({ trade_id, source }) => [trade_id, source])).toEqual([
    [600, "rest"],
    [90_001, "rest"],
    [90_002, "feed"],
  ]);
  const db = new Database(join(dir.path, "windows.db"), { readonly: true });
  expect(latenessAnswer(db, QUERY).curve[0]).toMatchObject({ lateness_us: 0, late_ticks: 1, ticks: 600 });
  db.close();
}, 300_000);

test("beyond the limit the oldest rows leave, are counted, and the curve begins after the high mark of the last that left", () => {
  using dir = tempDir();
  const store = new WindowStore(join(dir.path, "windows.db"));
  store.keepSettings({
    windows: JSON.stringify([{ size_us: MINUTE, every_us: MINUTE }]),
    lateness_us: MINUTE,
    max_skew_us: MINUTE,
  });
  const rows = new OutOfOrderRows(store.db);
  const row = (i: number): OutOfOrderRow => {
    const place = { log_partition: 0, log_offset: i, price: "1", last_size: "1", source: "feed" as const };
    return {
      product_id: i % 10 === 9 ? "B" : "A",
      trade_id: i,
      time_us: i * 1_000,
      mark_us: i * 1_000 + 500,
      ...place,
    };
  };
  const count = OUT_OF_ORDER_ROWS_MAX + OUT_OF_ORDER_SLICE_ROWS;
  const all = Array.from({ length: count }, (_, i) => row(i));
  const save = (those: OutOfOrderRow[]) => store.db.transaction(() => rows.save(those))();
  expect(save(all)).toBe(0);
  expect(save([row(count)])).toBe(OUT_OF_ORDER_SLICE_ROWS + 1);
  const last = OUT_OF_ORDER_SLICE_ROWS;
  expect(store.db.query("SELECT min(log_offset) AS first, count(*) AS n FROM out_of_order").get()).toEqual({
    first: last + 1,
    n: OUT_OF_ORDER_ROWS_MAX,
  });
  expect(store.db.query("SELECT * FROM out_of_order_since ORDER BY 1").all()).toEqual([
    { product_id: "A", since_us: row(last).mark_us },
    { product_id: "B", since_us: row(last - 1).mark_us },
  ]);
  store.db.exec(`INSERT INTO products VALUES ('A', ${count * 1_000}, 0, ${count}, ${count}, 0, 0, 0, 0)`);
  const answer = latenessAnswer(store.db, { ...QUERY, product: "A" });
  store.close();
  // The slice ends 10 s after the start: its minute is not whole, so the curve begins with the next.
  expect([answer.since, answer.since_reason]).toEqual([
    "1970-01-01T00:01:00.000000Z",
    expect.stringContaining("were not kept, or have left"),
  ]);
}, 300_000);

test("a store of schema 2 begins its curve at the migration and reports since when; the windows after it are exact", async () => {
  using dir = tempDir();
  const lines = disorderedLines();
  const half = lines.slice(0, 6_000);
  await fillLog(dir.path, half);
  expect((await stream(dir.path)).code).toBe(0);
  const path = join(dir.path, "windows.db");
  const db = new Database(path);
  db.exec(
    "DROP VIEW product_marks; DROP TABLE out_of_order; DROP TABLE out_of_order_since; DELETE FROM counters WHERE name LIKE 'out_of%'",
  );
  db.exec(
    "DROP TABLE measure_slices; DROP TABLE answer_samples; DROP TABLE closings; CREATE TABLE latencies (name TEXT)",
  );
  db.exec("ALTER TABLE products DROP COLUMN unissued; DROP TABLE unissued_ids; DROP INDEX revisions_by_id");
  db.exec("PRAGMA user_version = 2");
  const { mark } = db.query<{ mark: number }, []>("SELECT max_time_us AS mark FROM products").get()!;
  expect(() => latenessAnswer(db, QUERY)).toThrow("does not keep ticks out of order yet");
  db.close();
  await fillLog(dir.path, lines.slice(6_000));
  expect((await stream(dir.path)).code).toBe(0);
  using whole = tempDir();
  await fillLog(whole.path, lines);
  expect((await stream(whole.path)).code).toBe(0);

  const [migrated, fresh] = [new Database(path), new Database(join(whole.path, "windows.db"))];
  const answer = latenessAnswer(migrated, QUERY);
  // The whole store, cut at the same minute as if its earlier rows had left.
  fresh.query("INSERT INTO out_of_order_since VALUES ('BTC-USD', ?)").run(mark);
  expect(answer).toEqual(latenessAnswer(fresh, QUERY));
  expect(Date.parse(answer.since!) * 1_000).toBe((Math.floor(mark / MINUTE) + 1) * MINUTE);
  expect(answer.curve[0]).toMatchObject({ is_current: false });
  expect(answer.curve[0]!.late_ticks).toBeGreaterThan(10);
  migrated.close();
  fresh.close();
}, 300_000);

test("the released file of schema 2 gets its since at the first start", () => {
  using dir = tempDir();
  const released = join(ROOT, "test/fixtures/v2");
  mkdirSync(dir.path, { recursive: true });
  expect(readdirSync(released)).toContain("windows.db.gz");
  const path = join(dir.path, "windows.db");
  writeFileSync(path, gunzipSync(readFileSync(join(released, "windows.db.gz"))));
  new WindowStore(path).close();
  const [product] = rowsOf<{ max_time_us: number }>(dir.path, "windows.db", "SELECT * FROM products");
  expect(rowsOf(dir.path, "windows.db", "SELECT * FROM out_of_order_since")).toEqual([
    { product_id: "BTC-USD", since_us: product!.max_time_us },
  ]);
});
