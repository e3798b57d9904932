/** SQLite files: what the checks of a file find. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { damageOf, damageWithIndexes, openDatabase } from "../../scripts/base/sqlite.ts";
import { tempDir } from "../support/data.ts";

test("a key that was altered on its page is found by a check of the indexes, and not by one of the pages", () => {
  using dir = tempDir();
  const path = join(dir.path, "key.db");
  const create = "CREATE TABLE ticks (insert_id INTEGER PRIMARY KEY, trade_id INTEGER NOT NULL UNIQUE) STRICT";
  const db = openDatabase(path, { create, version: 1 }, "NORMAL");
  const id = 0x0123456789;
  for (const trade_id of [id, id - 0x100]) db.query("INSERT INTO ticks VALUES (NULL, ?)").run(trade_id);
  db.exec("PRAGMA journal_mode = DELETE");
  db.close();
  const damage = () => {
    const read = new Database(path, { readonly: true });
    const found = [damageOf(read), damageWithIndexes(read)];
    read.close();
    return found;
  };
  expect(damage()).toEqual([null, null]);
  const bytes = readFileSync(path);
  // The row's own key, which now equals the other's; the index keeps the old one.
  const at = bytes.indexOf(Buffer.from("0123456789", "hex"));
  bytes[at + 3]! ^= 1;
  writeFileSync(path, bytes);
  expect(damage()).toEqual([null, expect.stringContaining("index")]);
});
