/** Downloads end with their request, or with the server, and leave no process and no file behind. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { PATHS } from "../../../web/server.ts";
import { recordedLines, runPath, tempDir } from "../../support/data.ts";
import { pidsOf, type Stage, until } from "../../support/process.ts";
import { startServe } from "../../support/served.ts";

setDefaultTimeout(120_000);

/** 900 billion rows: it runs until it is stopped. */
const ENDLESS = "SELECT count(*) AS n FROM range(900000000000)";
const data = tempDir();
const servers: Awaited<ReturnType<typeof startServe>>[] = [];

beforeAll(async () => {
  await runPath(data.path, recordedLines().slice(0, 2_000));
  const db = new Database(join(data.path, "results.db"));
  db.query("UPDATE results SET sql = ? WHERE metric = 'market_summary'").run(ENDLESS);
  db.close();
});
afterAll(async () => {
  for (const { child } of servers) {
    await child.stop("SIGKILL");
  }
  data[Symbol.dispose]();
});

/** serve with a temporary folder of its own, to see what is left in it. */
async function server(): Promise<{ url: string; child: Stage; tmp: string; leftovers(): string[] }> {
  const tmp = join(data.path, `tmp-${servers.length}`);
  mkdirSync(tmp);
  const one = await startServe(data.path, 0, { TMPDIR: tmp });
  servers.push(one);
  return { url: one.url, child: one.child, tmp, leftovers: () => readdirSync(tmp) };
}

/** Processes of exports from this folder. */
const children = pidsOf;
const endless = (url: string, signal?: AbortSignal) =>
  fetch(`${url}/export/metrics/market_summary.parquet`, { signal });

test("HEAD of every path does no work, sends no false length, and leaves nothing open", async () => {
  const { url, child, leftovers } = await server();
  const paths = PATHS.flatMap((path) => {
    if (path.includes(":hash")) return [];
    return path
      .replace(":file", path.includes("metrics") ? "market_summary.parquet" : "ticks.parquet")
      .replace(":name", "market_summary")
      .replace(":id", "BTC-USD@2023-09-05T16:00%2F1m")
      .replace(":start/:size", "BTC-USD@2023-09-05T16:00/1m");
  });
  const descriptors = () => readdirSync(`/proc/${child.pid}/fd`).length;
  const pages = async () => /^tidemark_open_pages (\d+)/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1];
  for (const path of paths) await fetch(`${url}${path}`, { method: "HEAD" });
  const before = [descriptors(), await pages()];
  for (const path of paths) {
    for (let i = 0; i < 15; i++) {
      const answer = await fetch(`${url}${path}`, { method: "HEAD" });
      expect([path, answer.status, answer.headers.get("content-length")]).toEqual([path, answer.status, null]);
      expect([path, answer.ok || answer.status === 503]).toEqual([path, true]);
    }
  }
  expect([descriptors() - Number(before[0]) <= 3, (await pages()) ?? ""]).toEqual([true, String(before[1])]);
  expect(leftovers()).toEqual([]);
});

test("a reader that leaves ends the export: process, folder and slot, four times in a row", async () => {
  const { url, tmp, leftovers } = await server();
  for (let i = 0; i < 4; i++) {
    const leave = new AbortController();
    const answer = endless(url, leave.signal).catch(() => "left");
    await until("the export runs", () => children(tmp).length > 0);
    leave.abort();
    expect(await answer).toBe("left");
    await until("the export has ended", () => children(tmp).length === 0 && leftovers().length === 0);
  }
  expect((await fetch(`${url}/export/ticks.parquet`)).status).toBe(200);
  expect(leftovers()).toEqual([]);
});

test("two at once, a third is refused with a sentence; SIGTERM to serve ends both within its drain", async () => {
  const { url, child, tmp, leftovers } = await server();
  const two = [endless(url).catch(() => "cut"), endless(url).catch(() => "cut")];
  await until("both run", () => leftovers().length === 2);
  const third = await endless(url);
  expect([third.status, (await third.json()).error.message]).toEqual([503, "2 exports are running already."]);
  expect(await child.stop()).toBe(0);
  await Promise.all(two);
  await until("no export is left", () => children(tmp).length === 0);
  expect(leftovers()).toEqual([]);
});

test("kill -9 of serve: its exports end by themselves, and the next serve removes their folders", async () => {
  const first = await server();
  const cut = endless(first.url).catch(() => "cut");
  await until("it runs", () => children(first.tmp).length > 0);
  first.child.signal("SIGKILL");
  await cut;
  // Until it is waited for, its number is taken, and the next serve would spare its folder.
  await first.child.ended;
  await until("the export has ended", () => children(first.tmp).length === 0);
  const next = await startServe(data.path, 0, { TMPDIR: first.tmp });
  servers.push(next);
  expect(first.leftovers()).toEqual([]);
});

test("a first step that fails frees its slot", async () => {
  const { url, tmp } = await server();
  chmodSync(tmp, 0o500);
  const isRoot = process.getuid?.() === 0;
  // root may write everywhere: then the folder is moved away.
  if (isRoot) renameSync(tmp, `${tmp}.away`);
  for (let i = 0; i < 4; i++) expect((await fetch(`${url}/export/ticks.parquet`)).status).toBe(503);
  if (isRoot) renameSync(`${tmp}.away`, tmp);
  chmodSync(tmp, 0o700);
  expect((await fetch(`${url}/export/ticks.parquet`)).status).toBe(200);
});

test("a connection ends with its export: Bun would never close it, with no limit of time left on it", async () => {
  const { url } = await server();
  const { hostname, port, host } = new URL(url);
  const closed = (path: string) =>
    new Promise<string>((resolve, reject) => {
      let head = "";
      const socket = connect(Number(port), hostname, () =>
        socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: keep-alive\r\n\r\n`),
      );
      socket.on("data", (piece) => {
        head += head.includes("\r\n\r\n") ? "" : piece.toString("latin1");
      });
      socket.on("error", reject).on("close", () => resolve(head.split("\r\n", 1)[0]!));
    });
  for (const [path, status] of [
    ["/export/ticks.csv", 200],
    ["/export/windows.csv", 200],
    ["/export/metrics/coverage.csv", 200],
    ["/export/nothing.csv", 404],
  ] as const)
    expect([path, await closed(path)]).toEqual([path, expect.stringContaining(String(status))]);
});
