/** The CSV of all windows: every one of them once, while other requests are answered. */
import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Hono } from "hono";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { Exports } from "../../../web/answers/export.ts";
import { openSources } from "../../../web/model/sources.ts";
import { follow, quiet, recordedLines, tempDir } from "../../support/data.ts";

setDefaultTimeout(120_000);

test("each window is in it once, also where more windows begin at once than are read at a time; others have turns", async () => {
  using data = tempDir();
  await follow(data.path, recordedLines().slice(0, 300), ["stream"]);
  const db = new Database(join(data.path, "windows.db"));
  const columns = db.query<{ name: string }, []>("SELECT name FROM pragma_table_info('windows')").all();
  // 1,300 products at one start, and 1,900 windows after them, two by two.
  const add = (count: number, product: string, start: string) => {
    const own: Record<string, string> = { product_id: product, window_start_us: start };
    own.window_start = `strftime('%Y-%m-%dT%H:%M:%S', (${start}) / 1000000, 'unixepoch') || '.000000Z'`;
    const values = columns.map(({ name }) => own[name] ?? `one.${name}`).join(", ");
    db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
      INSERT INTO windows SELECT ${values} FROM n, (SELECT * FROM windows ORDER BY window_start_us LIMIT 1) one`);
  };
  add(1_300, "'P-' || i", "one.window_start_us - 3600000000");
  add(1_900, "'Q-' || (i % 2)", "one.window_start_us + (100 + i / 2) * 3600000000");
  const stored = db
    .query<{ name: string }, []>("SELECT product_id || ' ' || window_start AS name FROM windows ORDER BY name")
    .all()
    .map(({ name }) => name);
  db.close();
  const sources = openSources(dataPaths(data.path));
  const exports = new Exports(sources, quiet);
  const app = new Hono().get("/export/:file", exports.table);
  let [turns, isRead] = [0, false];
  const turn = () => {
    turns++;
    if (!isRead) setImmediate(turn);
  };
  setImmediate(turn);
  const server = { timeout: () => {} };
  const text = await (await app.request("/export/windows.csv", {}, { server })).text();
  isRead = true;
  const [header, ...lines] = text.trimEnd().split("\n");
  const at = ["product_id", "window_start"].map((name) => header!.split(",").indexOf(name));
  const found = lines.map((line) => at.map((i) => line.split(",")[i]).join(" "));
  expect(found.sort()).toEqual(stored.sort());
  expect([stored.length > 3_200, turns >= 3]).toEqual([true, true]);
  exports.close();
  sources.close();
});
