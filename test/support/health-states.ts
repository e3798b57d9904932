/** Every state that docs/health.md lists, and how a test reaches it. */
import { Database } from "bun:sqlite";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processState } from "../../web/model/process-state.ts";
import { fillLog, recordedLines } from "./data.ts";
import { run, type Stage, startStage, until } from "./process.ts";

export interface State {
  code: string;
  /** The part of the path that has it. */
  stage: "produce" | "stream" | "consume" | "batch" | "log" | "disk" | "store";
  /** A part of its sentence. */
  words: RegExp;
  /** False: /healthz stays 200 and lists it under `notes`. */
  stops: boolean;
  /**
   * Brings a data directory, where all is well and 300 messages are read, into the state; returns the
   * stage that reports it on stderr.
   */
  reach(data: string): Promise<Stage | undefined> | Stage | undefined;
}

/** A connection that is collected drops its lock. */
const shells = new Set<Database>();

const NOW = () => Date.now() * 1_000;
const MINUTE_US = 60_000_000;
/** In feed.json, as the process of `produce`. */
export const FED_BY = 1;

/** Runs statements on a stage's file, as another process. */
function sql(data: string, file: string, text: string): void {
  const db = new Database(join(data, file));
  db.exec("PRAGMA busy_timeout = 60000");
  db.exec(text);
  db.close();
}

const counter = (name: string, value: number) => `INSERT OR REPLACE INTO counters VALUES ('${name}', ${value})`;

/** feed.json as `produce` writes it, whole at every moment. */
export function feed(data: string, change: object): void {
  const us = NOW();
  const calm = {
    state: "connected", waiting_for: null, kind: "live", channel: "ticker", products: ["BTC-USD"], as_of_us: us + 8e6, newest_us: us,
    buffered: 0, reconnects: 0, outages: 0, incomplete: 0, garbled: 0, gaps_open: 0, replay: null,
    run_pid: FED_BY, run_started_us: us - 10 * MINUTE_US, run_records: 300, run_cpu_us: 1, run_peak_rss_bytes: 1, last_tick_us: us, lost_since_tick: 0,
  }; // biome-ignore format: the file's fields, in one look
  const path = join(data, "feed.json");
  writeFileSync(`${path}.tmp`, JSON.stringify({ ...calm, ...change }));
  renameSync(`${path}.tmp`, path);
}

/** The stages report now, as if they ran: for the next 18 s. */
export function allWell(data: string): void {
  for (const file of ["windows.db", "ticks.db"])
    sql(
      data,
      file,
      `${counter("run_alive_us", NOW() + 8e6)}; ${counter("run_ended", 0)}; ${counter("run_pid", process.pid)}`,
    );
  feed(data, {});
}

/** A stage that starts in this directory takes its figures over at once. */
function stageOver(data: string, name: "stream" | "consume", flags: string[] = []): Stage {
  sql(data, name === "stream" ? "windows.db" : "ticks.db", counter("run_alive_us", 0));
  return startStage(name, ["--data", data, ...flags], { TIDEMARK_NO_PROGRESS_AFTER: "400ms" });
}

/** Messages that come one by one until the stage reports on stderr what they do to it. */
async function arrive(data: string, stage: Stage, words: RegExp, change: (line: string) => string): Promise<void> {
  await said(stage, /reading/);
  let sent = 0;
  await until(
    `${words} on stderr`,
    async () => {
      await fillLog(data, fresh(1, change, sent++));
      return words.test(stage.said());
    },
    { every_ms: 250 },
  );
}

const fresh = (count: number, change: (line: string) => string, from = 0) =>
  recordedLines()
    .slice(400 + from, 400 + from + count)
    .map(change);
const dear = (line: string) => line.replace(/"price":"[^"]*"/, '"price":"123456789012.5"');
const ahead = (line: string) => line.replace(/"time":"2023/, '"time":"2093');
const said = (stage: Stage, words: RegExp) => until(`${words} on stderr`, () => words.test(stage.said()));

async function refuses(data: string, name: "stream" | "consume"): Promise<Stage> {
  const stage = stageOver(data, name);
  await arrive(data, stage, /No message has been accepted/, dear);
  return stage;
}

function lastRun(data: string, set: string): undefined {
  sql(data, "results.db", `UPDATE runs SET ${set} WHERE run_id = (SELECT max(run_id) FROM runs)`);
  return undefined;
}

/** A real schedule, killed after its first batch; its next one was due some minutes ago. */
async function killedSchedule(data: string): Promise<undefined> {
  const path = join(data, "schedule.json");
  const stage = startStage("schedule", ["--data", data, "--every", "24h"]);
  await until("its first batch", () => existsSync(path));
  stage.signal("SIGKILL");
  await stage.ended;
  lastRun(data, `started_us = ${NOW() - 20 * MINUTE_US}`);
  const noted = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...noted, began_us: NOW() - 20 * MINUTE_US, due_us: NOW() - 10 * MINUTE_US }));
  return undefined;
}

export const STATES: State[] = [
  {
    code: "stage-absent", stage: "stream", stops: true, words: /it has not run yet\. Start it: bun run stream/,
    reach: (data) => void rmSync(join(data, "windows.db")),
  },
  {
    code: "stage-silent", stage: "consume", stops: true, words: /not heard of since .* Start it: bun run consume/,
    reach: (data) => void sql(data, "ticks.db", `${counter("run_alive_us", NOW() - MINUTE_US)}; ${counter("run_pid", 4_194_304)}`),
  },
  {
    code: "stage-frozen", stage: "stream", stops: true, words: /its process \d+ is stopped\. Resume it: kill -CONT/,
    reach: async (data) => {
      const stage = stageOver(data, "stream");
      await until("it reports", () => pidOf(data) === stage.pid);
      // While it waits for the lock: one that is stopped with it would keep it.
      const db = heldBy(data);
      stage.signal("SIGSTOP");
      await until("it is stopped", () => processState(stage.pid, "stream") === "stopped");
      db.exec(`${counter("run_alive_us", NOW() - MINUTE_US)}; COMMIT`);
      db.close();
      return undefined;
    },
  },
  {
    code: "stage-stuck", stage: "stream", stops: true, words: /but its process \d+ is there: it waits \(for a lock/,
    reach: async (data) => {
      const stage = stageOver(data, "stream");
      await until("it reports", () => pidOf(data) === stage.pid);
      const shell = heldBy(data);
      // Between the two locks the stage may report once more.
      while (countOf(shell, "run_alive_us") > NOW() - MINUTE_US / 2)
        shell.exec(`${counter("run_alive_us", NOW() - MINUTE_US)}; COMMIT; BEGIN IMMEDIATE`);
      shells.add(shell);
      await fillLog(
        data,
        fresh(2, (line) => line),
      );
      await said(stage, /Another process holds the lock/);
      return stage;
    },
  },
  {
    code: "no-progress", stage: "consume", stops: true, words: /2 records wait in the log, and it has read none since/,
    reach: async (data) => {
      await fillLog(data, fresh(2, (line) => line));
      const old = NOW() - 10 * MINUTE_US;
      sql(data, "ticks.db", `${counter("run_progress_us", old)}; ${counter("run_started_us", old)}`);
      return undefined;
    },
  },
  {
    code: "nothing-accepted", stage: "consume", stops: true, words: /\d+ were refused, most often \(\d+ times\) because price is "123456789012\.5"/,
    reach: (data) => refuses(data, "consume"),
  },
  {
    code: "nothing-moves", stage: "stream", stops: true, words: /trades have come in .* and no window has moved/,
    reach: async (data) => {
      // The window's size decides after which time without a closed one this is a problem.
      rmSync(join(data, "windows.db"));
      const stage = startStage("stream", ["--data", data, "--window", "1s", "--lateness", "0s"], { TIDEMARK_NO_PROGRESS_AFTER: "400ms" });
      await arrive(data, stage, /no window has moved/, ahead);
      return stage;
    },
  },
  {
    code: "log-waiting", stage: "produce", stops: true, words: /waiting for the log: No space is left/,
    reach: (data) => void feed(data, { state: "waiting", waiting_for: "No space is left for log.db." }),
  },
  {
    code: "feed-lost", stage: "produce", stops: true, words: /connecting to the feed\. Check the network/,
    reach: async (data) => {
      rmSync(join(data, "feed.json"));
      const stage = startStage("produce", ["--data", data, "--feed", "ws://127.0.0.1:9"]);
      await said(stage, /can't be reached/);
      await until("it reports", () => existsSync(join(data, "feed.json")), );
      return stage;
    },
  },
  {
    code: "feed-silent", stage: "produce", stops: true, words: /no trade of BTC-USD has come since .*, and the connection was lost 3 times/,
    reach: (data) => void feed(data, { last_tick_us: NOW() - 5 * MINUTE_US, lost_since_tick: 3 }),
  },
  {
    code: "feed-quiet", stage: "produce", stops: false, words: /no trade of BTC-USD has come since .*, although the feed is connected/,
    reach: (data) => void feed(data, { last_tick_us: NOW() - 5 * MINUTE_US }),
  },
  {
    code: "store-unreadable", stage: "store", stops: true, words: /windows\.db is damaged/,
    reach: (data) => {
      for (const end of ["-wal", "-shm"]) rmSync(join(data, `windows.db${end}`), { force: true });
      writeFileSync(join(data, "windows.db"), Buffer.alloc(65_536, 7));
      return undefined;
    },
  },
  {
    code: "batch-failed", stage: "batch", stops: true, words: /the last run failed: the archive is damaged\. The answers shown/,
    reach: (data) => lastRun(data, "state = 'failed', error = 'the archive is damaged'"),
  },
  {
    code: "batch-died", stage: "batch", stops: true, words: /run \d+ was killed before its end/,
    reach: (data) => lastRun(data, "state = 'running', ended_us = NULL, pid = 4194304"),
  },
  {
    code: "batch-stuck", stage: "batch", stops: true, words: /run \d+ has not ended since/,
    reach: (data) => {
      // Of another directory, where there is nothing to do: it must begin no run of its own here.
      const batch = startStage("batch", ["--data", join(data, "elsewhere"), "--watch"]);
      return void lastRun(data, `state = 'running', ended_us = NULL, pid = ${batch.pid}, started_us = ${NOW() - 60 * MINUTE_US}`);
    },
  },
  {
    code: "batch-overdue", stage: "batch", stops: true, words: /a run was due at .* and has not begun/,
    reach: killedSchedule,
  },
  {
    code: "metric-failed", stage: "batch", stops: false, words: /1 of 1 metrics failed in run 2/,
    reach: async (data) => {
      const folder = join(data, "sql");
      await Bun.write(join(folder, "wrong.sql"), "SELECT nothing FROM ticks");
      await run("batch", ["--data", data, "--sql", folder]);
      allWell(data);
      return undefined;
    },
  },
  {
    code: "unexplained", stage: "batch", stops: false, words: /3 windows of the stream and the batch differ without an explanation/,
    reach: (data) => void sql(data, "results.db", "UPDATE reconciliation SET unexplained = 3"),
  },
  {
    code: "dead-letters", stage: "consume", stops: false, words: /8 messages of BTC-USD of the newest 8 dead letters \(8 in all\) are no trades .*price is "123456789012\.5"/,
    reach: async (data) => {
      await fillLog(data, [...fresh(8, dear), ...recordedLines().slice(500, 600)]);
      for (const name of ["consume", "stream"]) await run(name, ["--data", data, "--until-end"]);
      allWell(data);
      return undefined;
    },
  },
]; // biome-ignore format: a state is read as a row

function pidOf(data: string): number {
  const db = new Database(join(data, "windows.db"), { readonly: true });
  try {
    return countOf(db, "run_pid");
  } finally {
    db.close();
  }
}

function countOf(db: Database, name: string): number {
  return db.query<{ value: number }, [string]>("SELECT value FROM counters WHERE name = ?").get(name)?.value ?? 0;
}

/** windows.db with its lock taken, which no stage has meanwhile. */
function heldBy(data: string): Database {
  const db = new Database(join(data, "windows.db"));
  db.exec("PRAGMA busy_timeout = 60000; BEGIN IMMEDIATE");
  return db;
}
