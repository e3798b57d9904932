/** Each state without progress is one sentence on the page, in /healthz, doctor and Prometheus. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { logEnds } from "../../../scripts/log/ends.ts";
import { AskedLog } from "../../../web/model/log-view.ts";
import { serve } from "../../../web/server.ts";
import { quiet, ROOT, recordedLines, runPath, sqlite, tempDir } from "../../support/data.ts";
import { allWell, STATES } from "../../support/health-states.ts";
import { killStages, run, startProgram, startStage, until } from "../../support/process.ts";
import { startServe } from "../../support/served.ts";
import { namespace } from "../../support/small-disk.ts";
import { stayWell } from "../../support/stay-well.ts";

const calm = tempDir();
beforeAll(() => runPath(calm.path, recordedLines().slice(0, 300)), 120_000);
afterAll(() => calm[Symbol.dispose]());
afterEach(killStages);

/** A copy of the calm directory, and the page over it. */
function opened() {
  const dir = tempDir();
  cpSync(calm.path, dir.path, { recursive: true });
  allWell(dir.path);
  const well = stayWell(dir.path);
  let log: AskedLog | null = null;
  let served: ReturnType<typeof serve> | null = null;
  return {
    data: dir.path,
    async get(path: string): Promise<{ status: number; text: string }> {
      const paths = dataPaths(dir.path);
      log ??= new AskedLog("embedded:", logEnds("embedded:", paths, quiet), quiet);
      served ??= serve(paths, { host: "127.0.0.1", port: 0, log, logger: quiet });
      const answer = await fetch(new URL(path, served.url));
      return { status: answer.status, text: await answer.text() };
    },
    async [Symbol.asyncDispose]() {
      well[Symbol.dispose]();
      await killStages();
      await served?.stop();
      log?.close();
      dir[Symbol.dispose]();
    },
  };
}

const unescaped = (html: string) =>
  html
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");

test("a path without problems is healthy on every surface", async () => {
  await using here = opened();
  const health = await here.get("/healthz");
  expect([health.status, JSON.parse(health.text)]).toEqual([
    200,
    { healthy: true, problems: [], notes: [], mode: null },
  ]);
  expect((await here.get("/")).text).toContain('<section id="problems" hidden');
  expect((await here.get("/metrics")).text).not.toMatch(/^tidemark_problems\{/m);
  const doctor = await run("doctor", ["--data", here.data]);
  expect([doctor.code, doctor.stdout]).toEqual([0, expect.not.stringContaining("problem")]);
}, 120_000);

describe("each state is in /healthz, on the page, in Prometheus, in /api/status and in doctor", () => {
  for (const { code, stage, words, stops, reach } of STATES) {
    test(code, async () => {
      await using here = opened();
      const speaker = await reach(here.data);
      const health = await here.get("/healthz");
      const { problems, notes } = JSON.parse(health.text) as { problems: string[]; notes: string[] };
      const line = (stops ? problems : notes).find((one) => one.startsWith(`${stage}: `) && words.test(one));
      expect({ found: line !== undefined, problems, notes }).toMatchObject({ found: true });
      expect(health.status).toBe(problems.length > 0 ? 503 : 200);
      if (!stops) expect(problems).toEqual([]);
      expect(unescaped((await here.get("/")).text)).toMatch(words);
      const metrics = (await here.get("/metrics")).text;
      expect(metrics).toMatch(new RegExp(`^tidemark_problems\\{stage="${stage}",code="${code}"\\} 1$`, "m"));
      const state = JSON.parse((await here.get("/api/status")).text);
      expect(state.problems).toContainEqual(expect.objectContaining({ stage, code, stops }));
      const doctor = await run("doctor", ["--data", here.data, "--json"]);
      expect(doctor.stdout).toMatch(new RegExp(words.source.replaceAll('"', '\\\\"')));
      expect(doctor.code).toBe(stops ? 1 : 0);
      if (speaker && code !== "stage-stuck" && code !== "feed-lost") expect(speaker.said()).toMatch(words);
    }, 120_000);
  }
});

test("a store that can't be read is a sentence everywhere: no 500, no stack trace, no empty answer", async () => {
  await using here = opened();
  await STATES.find(({ code }) => code === "store-unreadable")!.reach(here.data);
  for (const path of ["/api/windows", "/export/windows.csv"]) {
    const answer = await here.get(path);
    expect([path, answer.status === 200, answer.text.includes("    at ")]).toEqual([path, false, false]);
  }
  expect(JSON.parse((await here.get("/api/windows")).text).error.message).toContain("windows.db is damaged");
  for (const path of ["/", "/metrics", "/api/status"])
    expect([path, (await here.get(path)).status]).toEqual([path, 200]);
}, 120_000);

test("pages that listen hear that a store can't be read, and nothing fails behind them", async () => {
  using dir = tempDir();
  cpSync(calm.path, dir.path, { recursive: true });
  const { url, child, said } = await startServe(dir.path);
  try {
    const events = await fetch(`${url}/events`);
    const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
    await reader.read();
    await STATES.find(({ code }) => code === "store-unreadable")!.reach(dir.path);
    let heard = "";
    await until("the page hears it", async () => {
      heard += (await reader.read()).value ?? "";
      return heard.includes("windows.db is damaged");
    });
    expect((await fetch(`${url}/`)).status).toBe(200);
    expect(said()).not.toMatch(/ at |Error/);
  } finally {
    child.signal("SIGTERM");
  }
  expect(await child.ended).toBe(0);
}, 120_000);

test.skipIf(namespace === undefined)(
  `disk-full${namespace ? "" : " (skipped: may not mount a small disk here)"}`,
  async () => {
    using dir = tempDir();
    const bun = (name: string) => `"${process.execPath}" "${join(ROOT, "scripts", name)}.ts" --data "${dir.path}"`;
    const script = [
      `mount -t tmpfs -o size=16m tmpfs "${dir.path}" && cp -r "${calm.path}/." "${dir.path}"`,
      `dd if=/dev/zero "of=${dir.path}/fill" bs=64k 2> /dev/null`,
      `${bun("doctor")} --json; echo "status $?"; exec ${bun("serve")} --port 0`,
    ].join("; ");
    const child = startProgram([...namespace!, "sh", "-c", script]);
    try {
      const url = await until("the page's address", () => /^http\S+/m.exec(child.printed())?.[0]);
      const said = child.printed();
      const words = /disk: No space is left on the disk of .*: nothing can be stored/;
      expect(said).toMatch(words);
      expect(said).toContain("status 1");
      const health = await fetch(`${url}healthz`);
      expect([health.status, await health.text()]).toEqual([503, expect.stringMatching(words)]);
      expect(await (await fetch(url)).text()).toMatch(words);
    } finally {
      await child.stop();
    }
  },
  120_000,
);

test("a stopped schedule expects no run; one whose batch fails before it begins a run is a problem", async () => {
  await using here = opened();
  const args = ["--data", here.data, "--every", "24h", "--sql", join(here.data, "no-such-folder")];
  const stage = startStage("schedule", args);
  const noted = join(here.data, "schedule.json");
  await until("its first batch", () => existsSync(noted));
  expect(JSON.parse((await here.get("/healthz")).text).problems).toEqual([expect.stringContaining("batch: ")]);
  stage.signal("SIGTERM");
  expect(await stage.ended).toBe(0);
  expect(existsSync(noted)).toBe(false);
}, 120_000);

test("a hundred problems with long sentences full of control characters: a bounded, printable list", async () => {
  await using here = opened();
  const long = `\u001b]0;owned\u0007\u009b31m\u202e${"x".repeat(1_000_000)}`;
  const many = Array.from({ length: 100 }, (_, i) => ({
    code: `c${i}`,
    sentence: long,
    stops: i % 2 === 0,
    since_us: 1,
  }));
  sqlite(here.data, "windows.db", `INSERT OR REPLACE INTO settings VALUES ('problems', '${JSON.stringify(many)}')`);
  const health = await here.get("/healthz");
  const { problems, notes } = JSON.parse(health.text) as { problems: string[]; notes: string[] };
  expect([health.status, problems.length + notes.length]).toEqual([503, 20]);
  for (const one of problems) expect(Buffer.byteLength(one)).toBeLessThanOrEqual(4_096);
  const doctor = await run("doctor", ["--data", here.data]);
  for (const text of [health.text, (await here.get("/")).text, doctor.stdout])
    expect(text.replace(/[\n\t]/g, "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(problems[0]).toContain("[U+001B]]0;owned[U+0007][U+009B]31m[U+202E]xxx");
}, 120_000);
