/**
 * What tests under a moved clock (scripts/drill/machine-clock.ts) need: a feed of the present time,
 * and what the stages report.
 */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { nowUs } from "../../scripts/base/clock.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { openReadOnly } from "../../scripts/base/sqlite.ts";
import type { Problem } from "../../scripts/contract/problems.ts";
import { parseProblems } from "../../scripts/contract/problems.ts";
import { MachineClock } from "../../scripts/drill/machine-clock.ts";
import type { Recorded } from "../../scripts/simulator/exchange-frames.ts";
import { rowsOf, tempDir } from "./data.ts";
import { exchange } from "./feed.ts";
import { type Stage, startStage, until } from "./process.ts";

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

/**
 * `produce`, `stream` and `consume` under one clock, with the simulator as the feed, and what they
 * have stored so far.
 */
export class ClockedPath {
  readonly dir = tempDir();
  readonly clock: MachineClock;
  #feed = exchange({ recorded: tradesFrom(0, 1), speed: 1 });
  readonly #stages: Record<string, Stage>;

  /** `seconds`: how far the clock is ahead at the start; `log`: as for --log. */
  constructor(seconds: number, log = "embedded:") {
    this.clock = new MachineClock(seconds);
    const data = ["--data", this.dir.path, "--log", log];
    const feed = ["--feed", this.#feed.url, "--products", "BTC-USD,ETH-USD"];
    this.#stages = {
      produce: startStage("produce", [...data, ...feed], this.clock.env),
      stream: startStage("stream", [...data, "--window", "1s", "--lateness", "1s"], this.clock.env),
      consume: startStage("consume", data, this.clock.env),
    };
  }

  /** The exchange sends other trades from now on, at the same address. */
  async feedOf(recorded: Recorded[]): Promise<void> {
    const { port } = this.#feed;
    await this.#feed.stop();
    this.#feed = exchange({ recorded, speed: 1, port });
  }

  /** Closed windows that begin at or after a time (µs). */
  closed(from_us = 0): number {
    const sql = `SELECT count(*) AS n FROM windows WHERE final = 1 AND window_start_us >= ${from_us}`;
    return this.#rows<{ n: number }>("windows.db", sql)[0]?.n ?? 0;
  }

  ticks<T>(sql: string): T[] {
    return this.#rows<T>("ticks.db", sql);
  }

  late(): number {
    return this.#rows<{ n: number }>("windows.db", "SELECT count(*) AS n FROM late_ticks")[0]?.n ?? 0;
  }

  codes(): string[] {
    return problemsIn(this.dir.path).map(({ code }) => code);
  }

  said(stage: string): string {
    return this.#stages[stage]!.said();
  }

  async until(what: string, look: () => unknown): Promise<void> {
    const said = () =>
      Object.keys(this.#stages)
        .map((name) => this.said(name))
        .join("\n");
    await until(what, () => Boolean(look()), { said, ms: 120_000, every_ms: 100 });
  }

  async stop(): Promise<void> {
    for (const stage of Object.values(this.#stages)) stage.signal("SIGTERM");
    const ends = await Promise.all(Object.values(this.#stages).map((stage) => stage.ended));
    expect(ends).toEqual([0, 0, 0]);
  }

  #rows<T>(file: string, sql: string): T[] {
    try {
      return rowsOf<T>(this.dir.path, file, sql);
    } catch {
      return [];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#feed.stop();
    this.clock[Symbol.dispose]();
    this.dir[Symbol.dispose]();
  }
}
