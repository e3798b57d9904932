/** Any listing of archive/ticks counts every tick once: after merges, and after a batch was killed. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { batch, manifestOf, metricFolder, NO_EXTENSION } from "../support/batch.ts";
import { filesBelow, sqlite, stored } from "../support/data.ts";
import { countTicks, readersMissing } from "../support/readers.ts";

setDefaultTimeout(300_000);

/** With TIDEMARK_LONG=1 every point at which a merge can be killed; each look costs Python two seconds. */
const LONG = process.env.TIDEMARK_LONG === "1";
const missing = readersMissing();
const skipped = missing === null ? "" : ` (skipped: ${missing})`;
const folder = metricFolder({ one: "SELECT count(*) AS n FROM ticks" });
const collect = (data: string, env = {}) => batch(data, ["--sql", folder.path], env);

/** A directory with enough files that the next batch merges: `more` moves ten ticks into ticks.db. */
async function beforeMerge() {
  const dir = await stored();
  sqlite(dir.path, "ticks.db", "CREATE TABLE rest AS SELECT * FROM ticks");
  sqlite(dir.path, "ticks.db", "DELETE FROM ticks");
  let to = 0;
  const more = () => {
    to += 10;
    sqlite(
      dir.path,
      "ticks.db",
      `INSERT INTO ticks SELECT * FROM rest WHERE insert_id > ${to - 10} AND insert_id <= ${to}`,
    );
    return to;
  };
  for (let i = 0; i < 8; i++) {
    more();
    await collect(dir.path, i % 2 ? NO_EXTENSION : {});
  }
  return { dir, more };
}

test.skipIf(missing !== null)(
  `DuckDB, pandas, pyarrow and polars count each tick once, or get an error, wherever a merge was killed${skipped}`,
  async () => {
    const { dir, more } = await beforeMerge();
    using _ = dir;
    const before = await countTicks(dir.path);
    expect(new Set(Object.values(before))).toEqual(new Set([80]));
    const total = more();
    const all = ["file-renamed:3", "manifest:2", "committed:1", "folder-away:1", "folder-replaced:1"];
    // The new file is in its folder and not committed; the merged ones are staged; committed; amid the
    // exchange of folders; after it.
    for (const point of LONG ? all : ["file-renamed:3", "folder-away:1"]) {
      const killed = await collect(dir.path, { TIDEMARK_DIE_AT: point });
      expect([point, killed.signal]).toEqual([point, "SIGKILL"]);
      const counts = await countTicks(dir.path);
      for (const [reader, count] of Object.entries(counts)) {
        if (typeof count === "number") expect([point, reader, count]).toEqual([point, reader, total]);
        else expect([point, reader, count]).toEqual(["folder-away:1", reader, count]);
      }
    }
    expect((await collect(dir.path)).json).toMatchObject({ ticks_total: total });
    expect(manifestOf(dir.path).files.length).toBeLessThan(9);
    expect(new Set(Object.values(await countTicks(dir.path)))).toEqual(new Set([total]));
  },
);

test("superseded files leave ticks and minutes in the run that merges them, and no kept file has its old name", async () => {
  const { dir, more } = await beforeMerge();
  using _ = dir;
  const names = () =>
    Object.keys(filesBelow(join(dir.path, "archive"))).filter((name) => /^(ticks|minutes)\//.test(name));
  const before = new Set(names());
  more();
  expect((await collect(dir.path)).json.ticks_total).toBe(90);
  const { files, minutes } = manifestOf(dir.path);
  expect(names()).toEqual([...minutes, ...files].map(({ path }) => path).sort());
  expect(names().filter((name) => before.has(name))).toEqual([]);
  expect(files.reduce((sum, { rows }) => sum + rows, 0)).toBe(90);
});
