/** What tests under a moved clock (scripts/drill/machine-clock.ts) need: a feed of the present time, and what the stages report. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isoFromUs, nowUs } from "../../scripts/common/clock.ts";
import type { Problem } from "../../scripts/common/problems.ts";
import { parseProblems } from "../../scripts/common/problems.ts";
import { openReadOnly } from "../../scripts/common/sqlite.ts";
import type { Recorded } from "../../scripts/feed/recording.ts";

/** Trades of two products, one every 40 ms from `seconds` beside now on, for two minutes. */
export function tradesFrom(seconds: number, first_id: number, product_ids = ["BTC-USD", "ETH-USD"]): Recorded[] {
  const start_us = nowUs() + seconds * 1_000_000;
  return Array.from({ length: 3_000 }, (_, i) => {
    const [product_id, trade_id, time_us] = [product_ids[i % product_ids.length]!, first_id + i, start_us + i * 40_000];
    const time = isoFromUs(time_us);
    const line = `{"type":"ticker","sequence":${trade_id},"product_id":"${product_id}","price":"25741.02","side":"sell","time":"${time}","trade_id":${trade_id},"last_size":"0.5"}`;
    return { line, product_id, trade_id, time_us };
  });
}

/** What the stages of a data directory report now. */
export function problemsIn(data: string): Problem[] {
  const problems: Problem[] = [];
  try {
    problems.push(...parseProblems(JSON.stringify(JSON.parse(readFileSync(join(data, "feed.json"), "utf8")).problems)));
  } catch {}
  const db = openReadOnly(join(data, "windows.db"));
  try {
    const row = db?.query<{ value: string }, []>("SELECT value FROM settings WHERE name = 'problems'").get();
    problems.push(...parseProblems(row?.value ?? null));
  } catch {
  } finally {
    db?.close();
  }
  return problems;
}
