/** A page over stores whose content a test writes: what the stages keep for the measures. */
import { Database } from "bun:sqlite";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { dataPaths } from "../../scripts/base/data-dir.ts";
import type { AnswerSample, Closing, RunSnapshot, Slice } from "../../scripts/contract/measures.ts";
import { logEnds } from "../../scripts/log/ends.ts";
import { Judge } from "../../scripts/message/judge.ts";
import { AskedLog } from "../../web/model/log-view.ts";
import { serve } from "../../web/server.ts";
import { quiet, tempDir } from "./data.ts";
import { feed } from "./health-states.ts";
import { stillWallClock } from "./still-clock.ts";

const S = 1_000_000;
const MINUTE = 60 * S;

type Figure = { values: Record<string, number> | null; note: string; curve?: [number, number][] };
type Word = { word: string; definition: string; stream: Figure; batch: Figure };

/**
 * A copy of `from`, and the page over it: a data directory, or the .gz files of a fixture. The tables
 * of the measures are empty, and all windows are a minute old. The wall clock is still: see `pass`.
 */
export function measuredPage(from: string) {
  const dir = tempDir();
  const isFixture = existsSync(join(from, "log.db.gz"));
  if (!isFixture) cpSync(from, dir.path, { recursive: true });
  for (const file of isFixture ? ["log.db", "windows.db", "ticks.db", "results.db"] : [])
    writeFileSync(join(dir.path, file), gunzipSync(readFileSync(join(from, `${file}.gz`))));
  const judge = new Judge();
  const ends = logEnds("embedded:", dataPaths(dir.path), quiet, (record) => judge.productOf(record));
  const log = new AskedLog("embedded:", ends, quiet);
  const served = serve(dataPaths(dir.path), { host: "127.0.0.1", port: 0, log, logger: quiet });
  const sql = (file: string, text: string, ...values: (string | number | null)[]) => {
    const db = new Database(join(dir.path, file));
    db.run("PRAGMA busy_timeout = 5000");
    const answer = db.query(text).all(...values);
    db.close();
    return answer as Record<string, number>[];
  };
  const clock = stillWallClock();
  const now_us = clock.now_ms * 1_000;
  for (const table of isFixture ? [] : ["measure_slices", "answer_samples", "closings"])
    sql("windows.db", `DELETE FROM ${table}`);
  sql("windows.db", "INSERT OR REPLACE INTO counters VALUES ('run_started_us', ?)", now_us - 20 * MINUTE);
  sql("windows.db", "UPDATE windows SET updated_at = ?", now_us - MINUTE);
  const here = {
    data: dir.path,
    url: served.url,
    now_us,
    /** Moves the wall clock on. */
    pass: clock.pass,
    sql,
    slice: ({ slice_us, histograms }: Slice) =>
      sql("windows.db", "INSERT INTO measure_slices VALUES (?, ?)", slice_us, JSON.stringify(histograms)),
    samples: (...all: Omit<AnswerSample, "product_id">[]) =>
      sql(
        "windows.db",
        `INSERT INTO answer_samples SELECT value ->> 0, 'BTC-USD', value ->> 1, value ->> 2, value ->> 3 FROM json_each(?)`,
        JSON.stringify(all.map((s) => [s.at_us, s.answer_us, s.received_us, s.waiting_us])),
      ),
    closing: (c: Pick<Closing, "window_end_us" | "log_offset" | "closed_time_us" | "received_us" | "committed_us">) =>
      sql(
        "windows.db",
        "INSERT INTO closings VALUES (NULL, 'BTC-USD', 60000000, ?, ?, 0, ?, ?, ?, 0, ?)",
        c.window_end_us - MINUTE,
        c.window_end_us,
        c.log_offset,
        c.closed_time_us,
        c.received_us,
        c.committed_us,
      ),
    run: (ended_us: number, snapshot: Partial<RunSnapshot>) => {
      const whole: RunSnapshot = {
        ...{ positions: {}, collected_to: 0, store_created: "", newest_us: {}, waiting_us: {} },
        ...{ histograms: {}, unreceived: 0, exchange_us: null },
      };
      const text = JSON.stringify({ ...whole, ...snapshot });
      sql("results.db", "UPDATE runs SET ended_us = ?, snapshot = ? WHERE state = 'done'", ended_us, text);
    },
    replay(feed_fields: object, speed: number | null = 30) {
      writeFileSync(join(dir.path, "kind.json"), '{"kind":"replay"}\n');
      feed(dir.path, { kind: "replay", replay: { clock_us: 1_000 * S, as_of_us: now_us, speed }, ...feed_fields });
    },
    get: async (path: string) => (await fetch(new URL(path, served.url))).text(),
    words: async () => JSON.parse(await here.get("/api/comparison?product=BTC-USD")).words as Word[],
    async word(name: string): Promise<Word> {
      return (await here.words()).find(({ word }) => word === name)!;
    },
    async [Symbol.asyncDispose]() {
      await served.stop();
      log.close();
      clock[Symbol.dispose]();
      dir[Symbol.dispose]();
    },
  };
  return here;
}
