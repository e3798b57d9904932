/** What pages get is read, rendered and compressed once for all that have received the same. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, spyOn, test } from "bun:test";
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { Updates } from "../../../web/answers/updates.ts";
import type { LogView } from "../../../web/model/log-view.ts";
import { NO_POSITION, positionFromId } from "../../../web/model/page-changes.ts";
import { Sources } from "../../../web/model/sources.ts";
import { serve } from "../../../web/server.ts";
import { quiet, recordedLines, runPath, tempDir } from "../../support/data.ts";
import { until } from "../../support/process.ts";
import { stillMonotonicClock } from "../../support/still-clock.ts";

const data = tempDir();
beforeAll(() => runPath(data.path, recordedLines().slice(0, 1_500)), 120_000);
afterAll(() => data[Symbol.dispose]());

const log: LogView = {
  name: "embedded:",
  last: { spans: null, asked_us: null, error: null, away_us: null },
  refresh: async () => {},
};
const watched = (product: string) => ({
  key: `${product}/1m`,
  selection: { product, size: { us: 60_000_000, name: "1m" } },
  position: NO_POSITION,
});
const BTC = { of: [watched("BTC-USD")], titles: [] };
const ETH = { of: [watched("ETH-USD")], titles: [] };

/** Updates over the directory, and how many queries its files got. */
function opened(base = "") {
  const sources = new Sources(dataPaths(data.path), log);
  let queries = 0;
  for (const file of [sources.windows, sources.ticks, sources.results]) {
    const all = file.all.bind(file);
    file.all = <T>(...args: Parameters<typeof all>) => {
      queries++;
      return all<T>(...args);
    };
  }
  const updates = new Updates(sources, base);
  return { sources, updates, queries: () => queries, [Symbol.dispose]: () => sources.close() };
}

test("a hundred new pages get the same bytes, for the queries of one", async () => {
  using here = opened();
  const pages = Array.from({ length: 100 }, () => here.updates.open(BTC, true).receiver);
  await here.updates.atOneMoment(() => {
    const { bytes } = here.updates.next(pages[0]!);
    expect(bytes!.length).toBeGreaterThan(1_000);
    const queries = here.queries();
    for (const page of pages) expect(here.updates.next(page).bytes).toBe(bytes);
    expect(here.queries()).toBe(queries);
    expect(here.updates.next(here.updates.open(ETH, true).receiver).bytes).not.toEqual(bytes);
  });
});

test("parts of a selection that is not there yet are not made; it gets its status", async () => {
  using here = opened();
  await here.updates.atOneMoment(() => {
    const { bytes } = here.updates.next(here.updates.open(ETH, false).receiver);
    expect(new TextDecoder().decode(bytes!).match(/^event: \w+$/gm)).toEqual(["event: windows", "event: status"]);
  });
});

test("a page that has everything gets nothing until the next status", async () => {
  using here = opened();
  using clock = stillMonotonicClock();
  let { receiver } = here.updates.open(BTC, false);
  await here.updates.atOneMoment(() => {
    receiver = here.updates.next(receiver).receiver;
  });
  await here.updates.atOneMoment(() => expect(here.updates.next(receiver).bytes).toBeNull());
  clock.pass(1_000);
  await here.updates.atOneMoment(() => expect(here.updates.next(receiver).bytes).not.toBeNull());
});

test("compressed messages are those of the plain text, each complete when it has arrived", async () => {
  using here = opened();
  const plain = here.updates.open(BTC, false);
  const gzip = here.updates.open(BTC, true);
  const gunzip = createGunzip().setEncoding("utf8");
  let text = "";
  gunzip.on("data", (chunk) => {
    text += chunk;
  });
  const arrive = (bytes: Uint8Array) => new Promise((resolve) => gunzip.write(bytes, resolve));
  const decoder = new TextDecoder();
  await arrive(gzip.bytes);
  const messages = [decoder.decode(plain.bytes)];
  expect(text).toBe(messages.join(""));
  let [a, b] = [plain.receiver, gzip.receiver];
  for (let i = 0; i < 3; i++) {
    let bytes: Uint8Array | null = null;
    await here.updates.atOneMoment(() => {
      // A page that connects again with nothing.
      if (i === 2)
        [a, b] = [
          { ...a, positions: [NO_POSITION] },
          { ...b, positions: [NO_POSITION] },
        ];
      const [first, second] = [here.updates.next(a), here.updates.next(b)];
      if (first.bytes !== null) messages.push(decoder.decode(first.bytes));
      bytes = second.bytes;
      [a, b] = [first.receiver, second.receiver];
    });
    if (bytes !== null) await arrive(bytes);
    expect(text).toBe(messages.join(""));
  }
  // Each message with parts has a status, so that the tab's title has the verdict of the page.
  const withParts = messages.filter((message) => /^event: parts$/m.test(message));
  expect(withParts.map((message) => message.match(/^event: status$/gm)?.length)).toEqual([1, 1]);
});

test("addresses in the parts begin with the path of a proxy", async () => {
  using here = opened("/tidemark");
  await here.updates.atOneMoment(() => {
    const text = new TextDecoder().decode(here.updates.next(here.updates.open(BTC, false).receiver).bytes!);
    const addresses = [...text.matchAll(/ (?:href|src|hx-[\w-]+)=\\"(\/[^"\\]*)/g)].map(([, address]) => address!);
    expect(addresses.length).toBeGreaterThan(3);
    expect(addresses.filter((address) => !address.startsWith("/tidemark/"))).toEqual([]);
  });
});

test("a new page of one selection leaves what pages of another one have", async () => {
  using here = opened();
  const selection = { product: "BTC-USD", size: { us: 300_000_000, name: "5m", from_us: 60_000_000 } };
  const summed = { of: [{ ...watched("BTC-USD"), key: "BTC-USD/5m", selection }], titles: [] };
  let { receiver } = here.updates.open(summed, false);
  const served = () => {
    const next = here.updates.next(receiver);
    receiver = next.receiver;
    return next.bytes === null ? "" : new TextDecoder().decode(next.bytes);
  };
  let text = "";
  await here.updates.atOneMoment(() => {
    text = served();
  }, true);
  expect(text).toContain('"metrics":');
  await here.updates.atOneMoment(() => here.updates.next(here.updates.open(BTC, false).receiver), false);
  await here.updates.atOneMoment(() => {
    text = served();
  }, true);
  expect(text).not.toContain('"metrics":');
});

type Sent = { html: Record<string, string>; reload: boolean; stream: number[][] };

/** What a page that connects with this id gets first, by event. */
async function firstOf({ updates }: ReturnType<typeof opened>, id: string): Promise<[string, Sent][]> {
  const watch = { ...BTC, of: [{ ...BTC.of[0]!, position: positionFromId(id) }] };
  let text = "";
  await updates.atOneMoment(() => {
    text = new TextDecoder().decode(updates.next(updates.open(watch, false).receiver).bytes!);
  });
  return [...text.matchAll(/^event: (\w+)\ndata: (.*)$/gm)].map(([, event, data]) => [event!, JSON.parse(data!)]);
}

test("a page that was sent as HTML gets what came after it, also between it and its connection", async () => {
  using here = opened();
  const pageNow = () => here.sources.leniently(() => here.updates.page(BTC.of[0]!.selection));
  const before = pageNow();
  const [status, ...rest] = (await firstOf(here, before.id)).toReversed();
  expect(status![0]).toBe("status");
  // Ages and rates may be those of the next second.
  expect(
    rest
      .flatMap(([event, { html }]) => [event, ...Object.keys(html)])
      .filter((id) => /^(windows|metric.*|differences|batch-runs)$/.test(id)),
  ).toEqual([]);
  const db = new Database(join(data.path, "windows.db"));
  db.run("UPDATE counters SET value = value + 1 WHERE name = 'change_id'");
  db.run(`UPDATE windows SET close_price = '25000.5', min_price = '25000.5', change_id = (SELECT value FROM counters WHERE name = 'change_id')
    WHERE window_start_us = (SELECT min(window_start_us) FROM windows WHERE final = 1)`);
  // Rows of closed windows are read again when another one closes.
  db.run("UPDATE closed_ends SET closed_until_us = closed_until_us + 1");
  db.close();
  const changed = new Map(await firstOf(here, before.id));
  expect(changed.get("windows")).toMatchObject({ reload: false, stream: [expect.arrayContaining([25_000.5])] });
  expect(changed.get("parts")!.html.windows).toContain("25,000.5");
  expect(Object.keys(changed.get("parts")!.html)).not.toContain("metrics");
  // The table was rendered a moment ago, before this page's HTML.
  const after = new Map(await firstOf(here, pageNow().id));
  expect(after.has("windows")).toBe(false);
  expect(after.get("parts")?.html.windows).toBeUndefined();
});

test("two tabs in one stream: the first keeps what it has, and from then on they are one", async () => {
  using here = opened();
  const first = here.updates.open(BTC, false).receiver;
  await here.updates.atOneMoment(() => here.updates.next(first));
  const { id } = here.sources.leniently(() => here.updates.page(BTC.of[0]!.selection));
  let text = "";
  let positions = [NO_POSITION];
  await here.updates.atOneMoment(() => {
    positions = [...here.updates.next(first).receiver.positions];
  });
  const of = [...positions, positionFromId(id)].map((position) => ({ ...BTC.of[0]!, position }));
  let { receiver } = here.updates.open({ of, titles: [] }, false);
  const sent = () =>
    here.updates.atOneMoment(() => {
      const { bytes, ...next } = here.updates.next(receiver);
      [text, receiver] = [bytes === null ? "" : new TextDecoder().decode(bytes), next.receiver];
    });
  await sent();
  expect(text).toContain("event: status");
  expect(text).not.toContain("event: windows");
  expect(text).not.toContain('"metrics":');
  const db = new Database(join(data.path, "windows.db"));
  db.run("UPDATE counters SET value = value + 1 WHERE name = 'change_id'");
  db.run("UPDATE windows SET change_id = (SELECT value FROM counters WHERE name = 'change_id') WHERE final = 0");
  db.close();
  await sent();
  expect(text.match(/^event: windows$/gm)).toHaveLength(1);
});

test("a page that the server does not know, or no longer, gets all parts", async () => {
  using here = opened();
  const pageNow = () => here.sources.leniently(() => here.updates.page(BTC.of[0]!.selection));
  const { id } = pageNow();
  for (let i = 0; i < 64; i++) pageNow();
  const [own, all] = [new Map(await firstOf(here, id)), new Map(await firstOf(here, ""))];
  expect(Object.keys(own.get("parts")!.html).sort()).toEqual(Object.keys(all.get("parts")!.html).sort());
  expect([own.has("windows"), all.get("windows")!.reload]).toEqual([false, true]);
  using another = opened();
  expect(Object.keys(new Map(await firstOf(another, pageNow().id)).get("parts")!.html)).toContain("metrics");
});

test("over a long history the first page is made before anybody asks for it", async () => {
  // SQLite goes by the number of pages in the file's header.
  truncateSync(join(data.path, "windows.db"), 65e6);
  using made = spyOn(Updates.prototype, "page");
  const served = serve(dataPaths(data.path), { host: "127.0.0.1", port: 0, log, logger: quiet });
  await until("the first page", () => made.mock.results.length > 0);
  await served.stop();
  expect(made.mock.results[0]).toMatchObject({
    type: "return",
    value: { view: { selection: { product: "BTC-USD" } } },
  });
});
