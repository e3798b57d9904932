/** feed.json's problems: one sentence per state of the feed, removed once it is solved. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Problem } from "../../scripts/contract/problems.ts";
import { FeedProblems } from "../../scripts/feed/feed-problems.ts";
import { quiet, tempDir } from "../support/data.ts";
import { ack, exchange, produce, scripted, tick } from "../support/feed.ts";
import { until } from "../support/process.ts";

const problemsIn = (path: string): Problem[] => JSON.parse(readFileSync(path, "utf8")).problems;

/** The problems in feed.json at the end of a run. */
async function problems(url: string, options: Parameters<typeof produce>[1] = {}): Promise<Problem[]> {
  using dir = tempDir();
  const status_path = join(dir.path, "feed.json");
  await produce(url, { status_path, ...options });
  return problemsIn(status_path);
}

test("nothing is wrong: no problems", async () => {
  await using server = exchange({ trades: 10 });
  expect(await problems(server.url)).toEqual([]);
});

test("a refused product and a garbled frame are problems that don't stop the path, with the feed's words and an example", async () => {
  await using server = scripted(({ send, socket }) => {
    send({ type: "error", message: "BAD is not a valid product" }, ack(["BTC-USD"]), "not\u001bJSON", tick(1));
    socket.close(1000);
  });
  const found = await problems(server.url, { products: ["BTC-USD", "BAD"] });
  expect(found.map(({ code, stops }) => [code, stops])).toEqual([
    ["feed-refused", false],
    ["feed-garbled", false],
  ]);
  expect(found[0]!.sentence).toContain('BAD ("BAD is not a valid product")');
  expect(found[1]!.sentence).toContain(
    "1 frame of the feed can't be decoded (not JSON); the newest begins: not[U+001B]JSON",
  );
});

test("an open gap and a REST that refuses are problems, until REST has answered", async () => {
  const faults = { drop_ids: [100], rest: { statuses: Array(500).fill(429), retry_after: "60" } };
  await using server = exchange({ trades: 300, faults });
  const stop = new AbortController();
  using dir = tempDir();
  const status_path = join(dir.path, "feed.json");
  const produced = produce(server.url, { channel: "matches", signal: stop.signal, status_path });
  await until("both problems", () => existsSync(status_path) && problemsIn(status_path).length > 1);
  stop.abort();
  await produced;
  const found = problemsIn(status_path);
  expect(found.map(({ code, stops }) => [code, stops])).toEqual([
    ["feed-gaps", false],
    ["feed-rest", false],
  ]);
  expect(found[0]!.sentence).toContain("BTC-USD lacks trade 100 of 2023-09-05T16:");
  expect(found[1]!.sentence).toContain("REST answers 429 and asks to wait 60 s");
});

test("a feed that is away for 10 s, and a log that takes no records, stop the path; both end", () => {
  const feed = { away: { since_us: 1_000_000, words: "the connection was lost (1006)" }, refused: new Map() };
  const figures = { garbled: 0, newest_garbled: null };
  const state = new FeedProblems(quiet);
  const at = (away: object | null, waiting: string, now_us: number) =>
    state.of({ ...feed, away, figures } as unknown as Parameters<FeedProblems["of"]>[0], null, waiting, now_us);
  expect(at(feed.away, "", 5_000_000)).toEqual([]);
  expect(at(feed.away, "the disk is full", 20_000_000)).toMatchObject([
    { code: "feed-away", stops: true, since_us: 1_000_000, sentence: expect.stringContaining("lost (1006)") },
    { code: "feed-log", stops: true, since_us: 20_000_000, sentence: expect.stringContaining("the disk is full") },
  ]);
  expect(at(null, "", 30_000_000)).toEqual([]);
});
