/** Of the newest windows the closed ones are read again only when one closes or gets a late tick. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { KeptClosed } from "../../../web/model/kept-closed.ts";
import { StoreFile } from "../../../web/model/store-file.ts";
import { tempDir } from "../../support/data.ts";

const SIZE_US = 60_000_000;

test("open windows are read by each question, closed ones once until one closes or is revised", () => {
  using dir = tempDir();
  const path = join(dir.path, "windows.db");
  const db = new Database(path);
  db.exec(`CREATE TABLE counters (name TEXT, value INTEGER);
    CREATE TABLE window_revisions (updated_at INTEGER);
    CREATE TABLE closed_ends (product_id TEXT, size_us INTEGER, closed_until_us INTEGER);
    INSERT INTO closed_ends VALUES ('BTC-USD', ${SIZE_US}, ${5 * SIZE_US})`);
  const file = new StoreFile(path);
  const kept = new KeptClosed(file);
  const read: number[] = [];
  const ask = () => {
    read.length = 0;
    const of = { product: "BTC-USD", size_us: SIZE_US, limit: 4 };
    return kept
      .rows("starts", of, ({ from_us, to_us, limit }) => {
        const starts = [7, 6, 5, 4, 3, 2, 1, 0].filter((n) => n * SIZE_US >= from_us && n * SIZE_US < to_us);
        read.push(...starts.slice(0, limit));
        return starts.slice(0, limit).map((n) => ({ n }));
      })
      .map(({ n }) => n);
  };
  const newest = [7, 6, 5, 4];
  expect([ask(), [...read]]).toEqual([newest, [7, 6, 5, 4, 3, 2, 1]]);
  expect([ask(), [...read]]).toEqual([newest, [7, 6, 5]]);
  db.exec("INSERT INTO window_revisions VALUES (1)");
  expect([ask(), [...read]]).toEqual([newest, [7, 6, 5, 4, 3, 2, 1]]);
  expect([ask(), [...read]]).toEqual([newest, [7, 6, 5]]);
  db.exec(`UPDATE closed_ends SET closed_until_us = ${6 * SIZE_US}`);
  expect([ask(), [...read]]).toEqual([newest, [7, 6, 5, 4, 3, 2]]);
  expect([ask(), [...read]]).toEqual([newest, [7, 6]]);
  db.close();
  file.close();
});
