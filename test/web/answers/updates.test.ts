/** What pages get is read and rendered once for all pages at the same position. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { Updates } from "../../../web/answers/updates.ts";
import type { LogView } from "../../../web/model/log-view.ts";
import { positionFromId } from "../../../web/model/page-changes.ts";
import { Sources } from "../../../web/model/sources.ts";
import { recordedLines, runPath, tempDir } from "../../support/data.ts";

const data = tempDir();
beforeAll(() => runPath(data.path, recordedLines().slice(0, 1_500)), 60_000);
afterAll(() => data[Symbol.dispose]());

const log: LogView = {
  name: "embedded:",
  last: { spans: null, asked_us: null, error: null, away_us: null },
  refresh: async () => {},
};
const BTC = { product: "BTC-USD", size: { us: 60_000_000, name: "1m" } };

/** Updates over the directory, and how many queries its files got. */
function opened() {
  const sources = new Sources(dataPaths(data.path), log);
  let queries = 0;
  for (const file of [sources.windows, sources.ticks, sources.results]) {
    const all = file.all.bind(file);
    file.all = <T>(...args: Parameters<typeof all>) => {
      queries++;
      return all<T>(...args);
    };
  }
  const updates = new Updates(sources);
  return { updates, queries: () => queries, [Symbol.dispose]: () => sources.close() };
}

test("a hundred new pages get the same bytes, for the queries of one", async () => {
  using here = opened();
  await here.updates.refresh();
  const { bytes } = here.updates.since(positionFromId(), BTC);
  expect(bytes!.length).toBeGreaterThan(1_000);
  const queries = here.queries();
  for (let i = 0; i < 100; i++) expect(here.updates.since(positionFromId(), BTC).bytes).toBe(bytes);
  expect(here.queries()).toBe(queries);
});

test("pages at an older position share one query of what changed; another product's page has its own bytes", async () => {
  using here = opened();
  await here.updates.refresh();
  const { position } = here.updates.since(positionFromId(), BTC);
  const older = { ...position, windows: { ...position.windows!, change_id: 0 } };
  const { bytes } = here.updates.since(older, BTC);
  expect(new TextDecoder().decode(bytes!)).toStartWith("event: windows\n");
  const queries = here.queries();
  for (let i = 0; i < 100; i++) expect(here.updates.since({ ...older }, BTC).bytes).toBe(bytes);
  expect(here.queries()).toBe(queries);
  expect(here.updates.since(positionFromId(), { ...BTC, product: "ETH-USD" }).bytes).not.toEqual(bytes);
});

test("a page that has everything gets nothing, and its position stays", async () => {
  using here = opened();
  await here.updates.refresh();
  const { position } = here.updates.since(positionFromId(), BTC);
  expect(here.updates.since(position, BTC)).toEqual({ bytes: null, position });
});
