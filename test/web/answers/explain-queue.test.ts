/** Questions of the archive for windows: few wait, and each ends with its reader or with the server. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { Hono } from "hono";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { Explain } from "../../../web/answers/explain-answer.ts";
import { answerProblem } from "../../../web/answers/problem-answer.ts";
import { problemOf } from "../../../web/http/problem.ts";
import { queryArchive } from "../../../web/model/archive-query.ts";
import { openSources, type Sources } from "../../../web/model/sources.ts";
import { recordedLines, runPath, tempDir } from "../../support/data.ts";
import { pidsOf, run, until } from "../../support/process.ts";

setDefaultTimeout(120_000);

/** 900 billion rows: it runs until it is stopped. */
const ENDLESS = "SELECT count(*) AS n FROM range(900000000000)";
const WINDOW = "/api/explain/BTC-USD@2023-09-05T16:02%2F1m";
const data = tempDir();
const paths = dataPaths(data.path);
let sources: Sources;

beforeAll(async () => {
  await runPath(data.path, recordedLines().slice(0, 1_500));
  expect((await run("prune", ["--data", data.path, "--retain", "0s"])).code).toBe(0);
  sources = openSources(paths);
});
afterAll(() => {
  sources.close();
  data[Symbol.dispose]();
});

/** An endless question, and what it rejects with. */
function endless(signal: AbortSignal): Promise<string> {
  return queryArchive(paths, { flags: {}, sql: ENDLESS, signal }).then(
    () => "answered",
    (error: Error) => error.message,
  );
}

/** The paths of `Explain`, and which limits it lifts from their requests. */
function served() {
  const explain = new Explain(sources, { url: (name: string) => name } as never);
  const app = new Hono().get("/api/explain/:id", explain.answer);
  app.onError((error, c) => answerProblem(c, problemOf(error), { url: (name: string) => name } as never));
  const lifted: number[] = [];
  const server = { timeout: (_: Request, seconds: number) => lifted.push(seconds) };
  return { explain, lifted, get: async (path: string, init: RequestInit = {}) => app.request(path, init, { server }) };
}

const children = () => pidsOf(`query.ts --data ${data.path}`).length;

test("a window whose ticks were pruned is answered without Bun's limit of 10 s", async () => {
  const { get, lifted } = served();
  const answer = await get(WINDOW);
  expect([answer.status, (await answer.json()).ticks.from, lifted]).toEqual([200, "archive", [0]]);
});

test("two run and four wait, one more is a 503 with Retry-After; who leaves frees its place and its process", async () => {
  const { get } = served();
  const leave = Array.from({ length: 6 }, () => new AbortController());
  const asked = leave.map(({ signal }) => endless(signal));
  await until("two run", () => children() === 2);
  const refused = await get(WINDOW);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  expect((await refused.json()).error.code).toBe("BUSY");
  // One that waits leaves: the next one may wait in its place, behind the others.
  leave[5]!.abort();
  expect(await asked[5]!).toContain("stopped");
  const next = get(WINDOW);
  for (const one of leave) one.abort();
  expect(new Set(await Promise.all(asked))).toEqual(new Set(["The query of the archive was stopped."]));
  expect((await next).status).toBe(200);
  await until("no process is left", () => children() === 0);
});

test("the server's end, and a reader's, end a question", async () => {
  const { explain, get } = served();
  const hold = new AbortController();
  const held = [endless(hold.signal), endless(hold.signal)];
  await until("both run", () => children() === 2);
  const left = new AbortController();
  const [one, other] = [get(WINDOW, { signal: left.signal }), get(WINDOW)];
  left.abort();
  expect((await (await one).json()).ticks.error).toContain("stopped");
  explain.close();
  expect((await (await other).json()).ticks.error).toContain("stopped");
  hold.abort();
  await Promise.all(held);
  await until("no process is left", () => children() === 0);
});
