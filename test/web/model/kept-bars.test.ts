/** What is kept of closed windows, and of answers made of them, is what a new process reads and writes. */
import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Hono } from "hono";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { addWindows } from "../../../scripts/bench/history.ts";
import { SharedJson } from "../../../web/http/compress.ts";
import { batchSide } from "../../../web/model/batch-side.ts";
import { chartJson } from "../../../web/model/chart.ts";
import type { JsonPiece } from "../../../web/model/json-pieces.ts";
import { type BarRow, KeptBars } from "../../../web/model/kept-bars.ts";
import type { Selection } from "../../../web/model/selection.ts";
import { openSources } from "../../../web/model/sources.ts";
import { StoreFile } from "../../../web/model/store-file.ts";
import { windows } from "../../../web/model/windows.ts";
import { batch, someMetrics } from "../../support/batch.ts";
import { follow, recordedLines, tempDir } from "../../support/data.ts";
import { random } from "../../support/flips.ts";

setDefaultTimeout(120_000);

const MINUTE = 60_000_000;
const PRODUCT = "BTC-USD";
const SELECTIONS: Selection[] = [
  { product: PRODUCT, size: { us: MINUTE, name: "1m" } },
  { product: PRODUCT, size: { us: 5 * MINUTE, name: "5m", from_us: MINUTE } },
  { product: PRODUCT, size: { us: 60 * MINUTE, name: "1h", from_us: MINUTE } },
];
const COLUMNS = "open_price, max_price, min_price, close_price, total_volume, vwap, notional";

test("after each late tick, closed window and run, in any span, the bytes are those of a new process", async () => {
  using data = tempDir();
  using metrics = someMetrics("reconciliation", "windows_by_minute");
  await follow(data.path, recordedLines().slice(0, 1_500));
  expect((await batch(data.path, ["--sql", metrics.path])).code).toBe(0);
  const path = join(data.path, "windows.db");
  addWindows(path, 1_200);
  const db = new Database(path);
  db.exec("PRAGMA synchronous = OFF");
  const runs = new Database(join(data.path, "results.db"));
  const starts = db
    .query<{ us: number }, []>("SELECT window_start_us AS us FROM windows WHERE product_id = 'BTC-USD' AND final <> 0")
    .all()
    .map(({ us }) => us);
  const seed = Date.now() % 1e9;
  const next = random(seed);
  const any = <T>(of: readonly T[]) => of[Math.floor(next() * of.length)]!;
  const names = db.query<{ name: string }, []>("SELECT name FROM pragma_table_info('windows')").all();
  const columns = names.map(({ name }) => name);
  const changes = [
    // A late tick of a window.
    (i: number) => {
      const values = columns.map((name) => (name === "trade_count" ? `trade_count + ${i + 1}` : name)).join(", ");
      db.query(`INSERT INTO window_revisions (revision, caused_by_trade_id, log_partition, log_offset, ${columns.join(", ")})
        SELECT ${i}, 1, 0, ${i}, ${values} FROM windows
        WHERE product_id = 'BTC-USD' AND size_us = ${MINUTE} AND window_start_us = ?`).run(any(starts));
    },
    // The oldest open window closes, or a gap of hours and a closed window after it.
    (i: number) => {
      const start = Math.max(...starts) + MINUTE * (i % 3 === 0 ? 200 : 1);
      const own: Record<string, number> = { window_start_us: start, window_end_us: start + MINUTE, final: 1 };
      const values = columns.map((name) => own[name] ?? name).join(", ");
      db.exec(`INSERT OR REPLACE INTO windows SELECT ${values} FROM windows
        WHERE product_id = 'BTC-USD' AND size_us = ${MINUTE} ORDER BY window_start_us LIMIT 1`);
      db.exec(`UPDATE closed_ends SET closed_until_us = ${start + MINUTE} WHERE product_id = 'BTC-USD'`);
      db.exec(`UPDATE products SET max_time_us = ${start + 2 * MINUTE} WHERE product_id = 'BTC-USD'`);
      starts.push(start);
    },
    () => runs.exec("INSERT INTO runs (state, pid, started_us, ended_us) VALUES ('done', 1, 1, 2)"),
    () => {},
  ];
  const kept = openSources(dataPaths(data.path));
  let reused = 0;
  const before = new Set<JsonPiece>();
  for (let i = 0; i < 40; i++) {
    any(changes)(i);
    const fresh = openSources(dataPaths(data.path));
    for (const selection of SELECTIONS) {
      const ends = [any(starts), any(starts) + Math.floor(next() * 3 * MINUTE)].sort((a, b) => a - b);
      const span = i % 3 === 0 ? { from_us: 0, to_us: 2 ** 52 } : { from_us: ends[0]!, to_us: ends[1]! };
      const pieces = chartJson(kept, selection, span);
      const [found, expected] = [pieces, chartJson(fresh, selection, span)].map(textOf);
      const place = `seed ${seed}, step ${i}, ${selection.size.name}`;
      expect([place, found]).toEqual([place, expected]);
      expect([place, await unzipped(pieces)]).toEqual([place, expected!]);
      expect(JSON.stringify(JSON.parse(found!))).toBe(found!);
      reused += pieces.filter((piece) => before.has(piece)).length;
      for (const piece of pieces) if (piece.isKept) before.add(piece);
      const times = i % 2 === 0 ? { from_us: null, to_us: null } : span;
      const query = { product: PRODUCT, size_us: selection.size.us, ...times, limit: 40 };
      expect([place, windows(kept, query)]).toEqual([place, windows(fresh, query)]);
      expect([place, batchSide(kept, selection)]).toEqual([place, batchSide(fresh, selection)]);
    }
    fresh.close();
  }
  expect(reused).toBeGreaterThan(100);
  kept.close();
  for (const one of [db, runs]) one.close();
});

test("the newest windows of a span are read by parts, across gaps, also where windows overlap", () => {
  using dir = tempDir();
  const path = join(dir.path, "windows.db");
  const db = new Database(path);
  db.exec(`PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;
    CREATE TABLE counters (name TEXT, value INTEGER);
    CREATE TABLE windows (product_id TEXT, size_us INTEGER, window_start_us INTEGER, ${COLUMNS}, trade_count INTEGER,
      final INTEGER, updated_at INTEGER, PRIMARY KEY (product_id, size_us, window_start_us));
    CREATE TABLE window_revisions (product_id TEXT, size_us INTEGER, window_start_us INTEGER, revision INTEGER, trade_count INTEGER);
    CREATE TABLE closed_ends (product_id TEXT, size_us INTEGER, closed_until_us INTEGER)`);
  const seed = Date.now() % 1e9;
  const next = random(seed);
  const every_us = 10;
  const kind = { product: PRODUCT, size_us: 40, every_us };
  let start = -5_000;
  const starts: number[] = [];
  const open = (many: number) => {
    for (let i = 0; i < many; i++) {
      start += every_us * (next() < 0.02 ? Math.ceil(next() * 2_000) : 1);
      starts.push(start);
      db.query(`INSERT INTO windows VALUES ('${PRODUCT}', 40, ?, '1', '1', '1', '1', '1', '1', '1', 1, 1, 1)`).run(
        start,
      );
    }
  };
  open(900);
  const file = new StoreFile(path);
  const bars = new KeptBars(file);
  for (let i = 0; i < 100; i++) {
    if (i === 20) db.exec(`INSERT INTO closed_ends VALUES ('${PRODUCT}', 40, ${starts.at(-10)})`);
    if (i % 10 === 0) open(Math.ceil(next() * 60));
    if (i > 20 && i % 7 === 0) db.exec(`UPDATE closed_ends SET closed_until_us = ${starts.at(-5)}`);
    const [from_us, to_us] = [0, 0]
      .map(() => starts[0]! - 50 + Math.floor(next() * (start - starts[0]! + 100)))
      .sort((a, b) => a - b) as [number, number];
    const span =
      i % 9 === 0 ? { from_us: Number.MIN_SAFE_INTEGER, to_us: Number.MAX_SAFE_INTEGER } : { from_us, to_us };
    const limit = Math.ceil(next() * 1_200);
    const expected = starts.filter((us) => us >= span.from_us && us < span.to_us).slice(-limit);
    const parts = bars.parts(kind, span, limit);
    const place = `seed ${seed}, step ${i}`;
    expect([place, parts.flatMap(({ rows }) => rows.map((row: BarRow) => row.window_start_us))]).toEqual([
      place,
      expected,
    ]);
    // They are without holes, and each window is in its part.
    expect([place, parts.slice(1).every((part, k) => part.from_us === parts[k]!.to_us)]).toEqual([place, true]);
    const isIn = ({ rows, ...part }: (typeof parts)[number]) =>
      rows.every(({ window_start_us: us }) => us >= part.from_us && us < part.to_us);
    expect([place, parts.every(isIn)]).toEqual([place, true]);
    if (parts.length > 0 && expected.length < limit)
      expect([place, parts[0]!.from_us, parts.at(-1)!.to_us]).toEqual([place, span.from_us, span.to_us]);
  }
  db.close();
  file.close();
});

function textOf(pieces: readonly JsonPiece[]): string {
  return Buffer.concat(pieces.map(({ bytes }) => bytes)).toString();
}

/** What a client gets that accepts gzip. */
async function unzipped(pieces: readonly JsonPiece[]): Promise<string> {
  const app = new Hono();
  app.get("/", (c) => new SharedJson(pieces).answer(c));
  const answer = await app.request("/", { headers: { "Accept-Encoding": "gzip" } });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  return (answer.headers.get("content-encoding") === "gzip" ? gunzipSync(bytes) : Buffer.from(bytes)).toString();
}
