/** `start` as a newcomer runs it: offline, stopped with Ctrl-C, started again, with a killed stage. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { typed } from "../../scripts/command/environment.ts";
import { moved } from "../../scripts/simulator/player.ts";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { fillLog, ROOT, recordedLines, sqlite, tempDir } from "../support/data.ts";
import { exchange, HOUR } from "../support/feed.ts";
import { commandOf, pidsOf, run, startProgram, until } from "../support/process.ts";

/** No route leads there: the live feed can't be reached, and is not tried again as one that refuses. */
const NO_FEED = "ws://255.255.255.255:9";

/** It is killed when it goes out of scope: a test that fails leaves no process behind. */
function start(data: string, args: string[]) {
  const child = startProgram(commandOf("start", ["--data", data, "--port", "0", "--feed", NO_FEED, ...args]));
  const said = () => child.printed() + child.said();
  const heard = async (words: string | RegExp): Promise<string> => {
    const found = () => (typeof words === "string" ? said().includes(words) && said() : words.exec(said())?.[1]);
    await until(`"${words}"`, () => found() || !child.isRunning(), { said });
    const text = found();
    if (!text) throw new Error(`"${words}" was not printed:\n${said()}`);
    return text;
  };
  return {
    child,
    said,
    heard,
    async [Symbol.asyncDispose]() {
      await child.stop("SIGKILL");
    },
  };
}

const page = (one: ReturnType<typeof start>) => one.heard(/is at (http:\S+)\/$/m);
// biome-ignore lint/suspicious/noExplicitAny: the test checks the shape of the answer
const json = async (url: string): Promise<any> => (await fetch(url)).json();

/** The page may not listen yet. */
const soon = (what: string, isSo: () => Promise<boolean>) => until(what, () => isSo().catch(() => false));

async function stop(one: ReturnType<typeof start>, signal: NodeJS.Signals = "SIGINT") {
  return one.child.stop(signal);
}

test("offline: one plain line, REPLAY, windows and a batch and their comparison on the page; Ctrl-C exits 0; the second start continues, nothing is counted twice", async () => {
  using dir = tempDir();
  await using first = start(dir.path, ["--speed", "60", "--every", "1s"]);
  const url = await page(first);
  const warnings = first
    .said()
    .split("\n")
    .filter((line) => line.includes("can't be reached"));
  expect(warnings.length).toBe(1);
  expect(warnings[0]).toContain("playing the bundled recording of 2023-09-05 as REPLAY");
  await soon("windows on the page", async () => (await json(`${url}/api/windows`)).length > 3);
  await soon("a comparison", async () => (await json(`${url}/api/reconciliation`)).compared > 0);
  await soon("healthy", async () => (await json(`${url}/healthz`)).healthy);
  expect(await json(`${url}/healthz`)).toMatchObject({ mode: "replay" });
  expect(await (await fetch(url)).text()).toMatch(/class="mode replay"[^>]*>▶ REPLAY ×60</);
  expect(await stop(first)).toBe(0);
  expect(first.said()).not.toContain("the connection was lost");
  const counted = ticks(dir.path);
  expect(counted).toBeLessThan(13_197);

  await using second = start(dir.path, ["--speed", "max", "--every", "1s"]);
  const again = await page(second);
  await second.heard("the recording has ended");
  await soon(
    "the whole hour in the batch",
    async () => (await json(`${again}/api/status`)).last_run?.ticks_total === 13_197,
  );
  const status = await json(`${again}/api/status`);
  expect(status.counts).toMatchObject({ ticks: 13_197, late: 0 });
  // The exchange repeats the last trade on subscribing (feed.md): counted as a duplicate, not twice.
  expect(status.counts.duplicates).toBeLessThanOrEqual(1);
  await soon("58 windows compared", async () => (await json(`${again}/api/reconciliation`)).compared === 58);
  expect(await json(`${again}/api/reconciliation`)).toMatchObject({ equal: 58, unexplained: 0 });
  await soon("healthy", async () => (await json(`${again}/healthz`)).healthy);
  expect(await stop(second, "SIGTERM")).toBe(0);

  // The same hour in one run without a stop gives the same windows.
  using calm = tempDir();
  await fillLog(calm.path, recordedLines());
  await run("stream", ["--data", calm.path, "--until-end"]);
  expect(answerHash(join(dir.path, "replay/windows.db"))).toEqual(answerHash(join(calm.path, "windows.db")));
}, 300_000);

function ticks(data: string): number {
  const db = new Database(join(data, "replay/ticks.db"), { readonly: true });
  const { n } = db.query<{ n: number }, []>("SELECT count(*) AS n FROM ticks").get()!;
  db.close();
  return n;
}

// These three wait more than they work: at the same time.
test.concurrent("a stage that is killed is started again, with a log line; in the end nothing is missing", async () => {
  using dir = tempDir();
  await using one = start(dir.path, ["--speed", "1000", "--every", "1s"]);
  const url = await page(one);
  await soon("windows", async () => (await json(`${url}/api/windows`)).length > 3);
  for (const name of ["stream", "consume"]) {
    const { stages } = await json(`${url}/api/status`);
    process.kill(stages.find((s: { name: string }) => s.name === name).pid, "SIGKILL");
    await one.heard(`${name} was killed by SIGKILL: starting it again`);
  }
  await one.heard("the recording has ended");
  await soon("the whole hour", async () => {
    const { counts, last_run } = await json(`${url}/api/status`);
    return counts.ticks === 13_197 && last_run.ticks_total === 13_197;
  });
  await soon("58 windows compared", async () => (await json(`${url}/api/reconciliation`)).compared === 58);
  expect(await json(`${url}/api/reconciliation`)).toMatchObject({ equal: 58, explained: 0, unexplained: 0 });
  expect(await stop(one)).toBe(0);
}, 300_000);

test.concurrent("a log that can't be reached is waited for and reported once; the page answers, and Ctrl-C ends it with 0", async () => {
  using dir = tempDir();
  await using one = start(dir.path, ["--replay", "--log", "kafka://127.0.0.1:9/raw_prices"]);
  const url = await page(one);
  await one.heard("stream waits and tries again: The Kafka broker at 127.0.0.1:9 doesn't answer");
  await one.heard("replay waits and tries again");
  expect((await fetch(url)).status).toBe(200);
  expect(await stop(one)).toBe(0);
  expect(one.said().split("stream waits").length).toBe(2);
}, 300_000);

test.concurrent("--heartbeats: a quiet product's window closes before its next trade", async () => {
  using dir = tempDir();
  // Ten quiet hours are ten minutes, in which the exchange's clock continues.
  const recorded = [...HOUR.slice(0, 50), moved(HOUR[50]!, 36_000e6, 0)];
  await using market = exchange({ recorded, speed: 60, heartbeat_ms: 20 });
  await using one = start(dir.path, ["--heartbeats", "--feed", market.url]);
  const url = await page(one);
  await soon("the first minute is closed", async () => {
    const [newest] = await json(`${url}/api/windows`);
    return newest.trade_count === 50 && newest.final === 1;
  });
  expect((await json(`${url}/api/status`)).counts.ticks).toBe(50);
  expect(await stop(one)).toBe(0);
}, 300_000);

test("a port in use, a second start on the same data: one sentence, exit 1, no child is left; the end of a feed on this machine is healthy", async () => {
  using dir = tempDir();
  await using market = exchange({ trades: 50 });
  await using one = start(dir.path, ["--feed", market.url]);
  const url = await page(one);
  // The end of what another program plays here is healthy, as the end of a recording.
  await one.heard("the recording has ended");
  await soon("healthy", async () => (await json(`${url}/healthz`)).healthy);
  expect(one.said()).not.toContain("--again");
  const second = await run("start", ["--data", dir.path, "--feed", NO_FEED, "--port", "0"]);
  expect(second.code).toBe(1);
  expect(second.stderr).toContain(`Another start (pid ${one.child.pid}) already works on`);
  expect(second.stderr).toContain(`Its page is at ${url}/.`);
  // With the same port, as a newcomer types it, the first one's address is the reason too.
  const port = new URL(url).port;
  const same = await run("start", ["--data", dir.path, "--feed", NO_FEED, "--port", port]);
  expect([same.code, same.stderr]).toEqual([1, expect.stringContaining(`Its page is at ${url}/.`)]);
  using other = tempDir();
  const third = await run("start", ["--data", other.path, "--feed", NO_FEED, "--port", port]);
  expect(third.code).toBe(1);
  expect(third.stderr).toContain(`Port ${port} of 127.0.0.1 is in use`);
  expect(third.stderr).not.toMatch(/^\s+at /m);
  expect(await stop(one)).toBe(0);
}, 300_000);

test("what can be known is checked before a stage starts, and the reason is the last line", async () => {
  using dir = tempDir();
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const file = join(dir.path, "file");
  await Bun.write(file, "");
  const wrong: [args: string[], code: number, words: string][] = [
    [["--port", String(listener.port)], 1, `Port ${listener.port} of 127.0.0.1 is in use`],
    [["--host", "203.0.113.7", "--port", "0"], 2, "of 203.0.113.7 can't be listened on"],
    [["--replay", join(dir.path, "nothing.jsonl.gz")], 1, "There is no recording at"],
    [["--replay", "--data", file], 1, `${file} is a file, so that ${file}/replay can't be a data directory`],
  ];
  const replay = await run("replay", ["--port", String(listener.port)]);
  expect([replay.code, replay.stderr]).toEqual([
    1,
    expect.stringContaining("is in use by another process. [TIDEMARK_PORT"),
  ]);
  for (const [args, code, words] of wrong) {
    const ran = await run("start", ["--data", join(dir.path, "data"), "--port", "0", "--replay", ...args]);
    expect([words, ran.code]).toEqual([words, code]);
    expect(ran.stderr.trim().split("\n").slice(-2).join(" ")).toContain(words);
    expect(existsSync(join(dir.path, "data/replay/log.db"))).toBe(false);
  }
  listener.stop(true);
}, 300_000);

test("a stage that can't start: all end, the last line is the reason and what to do", async () => {
  using dir = tempDir();
  await Bun.write(join(dir.path, "replay/windows.db"), "not a database, only named like one ".repeat(200));
  const ran = await run("start", ["--data", dir.path, "--replay", "--port", "0"]);
  expect(ran.code).toBe(1);
  const last = ran.stderr.trim().split("\n").slice(-2);
  expect(last[0]).toMatch(/^error: stream ended with status 1: .*windows\.db is damaged.*TIDEMARK_STORE_CORRUPT/);
  expect(last[1]).toContain("--rebuild");
}, 300_000);

for (const runner of ["npm", "bun"]) {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    test(`${signal} to ${runner} ends every stage`, async () => {
      using dir = tempDir();
      const args = ["run", "start", ...(runner === "npm" ? ["--"] : []), "--data", dir.path, "--replay", "--port", "0"];
      const PATH = `${join(ROOT, "node_modules/.bin")}:${process.env.PATH}`;
      await using child = startProgram([runner, ...args], { cwd: ROOT, env: { PATH } });
      await until("the page's address", () => existsSync(join(dir.path, "replay/locks/start.url")));
      await child.stop(signal);
      await soon("every stage has ended", async () => pidsOf(dir.path).length === 0);
      expect((await run("stream", ["--data", join(dir.path, "replay"), "--until-end"])).code).toBe(0);
    }, 300_000);
  }
}

test("a data directory that did not exist is a warning: its name may be misspelt", async () => {
  using dir = tempDir();
  const misspelt = join(dir.path, "dtaa");
  const ran = await run("consume", ["--data", misspelt, "--until-end"]);
  expect(ran.stderr).toContain(`WARN: consume: new data directory: ${misspelt} did not exist`);
  expect((await run("consume", ["--data", misspelt, "--until-end"])).stderr).not.toContain("new data directory");
});

test("Ctrl-C in a terminal reaches start twice, from the terminal and from npm: it drains all the same", async () => {
  using dir = tempDir();
  await using one = start(dir.path, ["--speed", "10", "--base-path", "/class", "--allow-host", "class.example"]);
  const url = await page(one);
  // Both flags reach serve.
  expect(new URL(url).pathname).toBe("/class");
  expect((await fetch(`${url}/healthz`, { headers: { Host: "class.example" } })).status).not.toBe(421);
  one.child.signal("SIGINT");
  await Bun.sleep(30);
  one.child.signal("SIGINT");
  expect(await one.child.ended).toBe(0);
}, 300_000);

test("children end with a parent that is killed", async () => {
  using dir = tempDir();
  await using one = start(dir.path, ["--speed", "10"]);
  const url = await page(one);
  await soon("all stages", async () =>
    (await json(`${url}/api/status`)).stages.every((s: { state: string }) => s.state !== "absent"),
  );
  one.child.signal("SIGKILL");
  await soon("serve is gone", async () => !(await fetch(url).catch(() => null)));
  await soon(
    "stream's lock is free",
    async () => (await run("stream", ["--data", join(dir.path, "replay"), "--until-end"])).code === 0,
  );
}, 300_000);

test("the end of a recording: the terminal prints how to play it again, and that plays it once more with later times and ids", async () => {
  using dir = tempDir();
  const file = join(dir.path, "short.jsonl");
  await Bun.write(file, `${recordedLines().slice(0, 300).join("\n")}\n`);
  const play = (data: string, more: string[]) =>
    start(data, ["--replay", file, "--speed", "max", "--every", "1s", ...more]);
  const spans: { n: number; first: number; last: number }[] = [];
  // The replay's own directory, which the start line names for other commands, is continued too.
  for (const [data, ...more] of [[dir.path], [dir.path, "--again"], [join(dir.path, "replay"), "--again"]] as const) {
    await using one = play(data, more);
    const url = await page(one);
    const said = await one.heard("--again");
    expect(said).toContain(`to play it once more: Ctrl-C, then ${typed("start", ["--data", data])}`);
    expect(said).toContain(`--replay ${file} --speed max --every 1s --again (or --loop: without an end)`);
    const rounds = spans.length + 1;
    await soon(
      `${rounds} rounds`,
      async () => (await json(`${url}/api/status`)).last_run?.ticks_total === rounds * 300,
    );
    const select = "SELECT count(*) AS n, min(time_us) AS first, max(time_us) AS last FROM ticks";
    spans.push(...sqlite<(typeof spans)[number]>(join(dir.path, "replay"), "ticks.db", select));
    expect(await stop(one)).toBe(0);
  }
  const first = spans[0]!;
  // Between two rounds is a second.
  const round_us = first.last - first.first + 1e6;
  expect(spans).toEqual([0, 1, 2].map((n) => ({ ...first, n: 300 * (n + 1), last: first.last + n * round_us })));
}, 300_000);
