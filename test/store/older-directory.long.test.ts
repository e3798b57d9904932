/** A data directory of commit fa0d24d with its archive is migrated and continues with its own rules. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { batch, FINGERPRINT } from "../support/batch.ts";
import { fillLog, rowsOf, tempDir, unpackInto } from "../support/data.ts";
import { run } from "../support/process.ts";

const released = (data: string) => unpackInto(data, join(import.meta.dir, "fa0d24d.tar.gz"));

const zero = (trade_id: number) => trade({ trade_id, last_size: "0.00000000", time: "2023-09-05T16:10:00Z" });
const trade = (change: object) =>
  JSON.stringify({
    ...{ type: "ticker", product_id: "BTC-USD", price: "25000", side: "buy", last_size: "1", ...change },
  });
/** What rules 1 accept, and what they refuse. */
const MORE = [
  zero(990_001),
  trade({ trade_id: 990_002, price: "123456789", time: "2023-09-05T16:11:00Z" }),
  trade({ trade_id: 990_003, product_id: "日".repeat(22), time: "2023-09-05T16:12:00Z" }),
  trade({
    trade_id: 990_004,
    product_id: "HUGE",
    price: "99999999",
    last_size: "9999999999",
    time: "2023-09-05T16:05:01Z",
  }),
];
const rulesOf = (data: string) =>
  ["ticks.db", "windows.db"].map(
    (file) => rowsOf<{ value: string }>(data, file, "SELECT value FROM settings WHERE name = 'rules'")[0]?.value,
  );
const stages = async (data: string, names = ["stream", "consume"], flags: string[] = []) => {
  const ran = await Promise.all(names.map((name) => run(name, ["--data", data, "--until-end", "--json", ...flags])));
  expect(ran.map(({ code, stderr }) => (code === 0 ? "" : stderr))).toEqual(names.map(() => ""));
  return ran;
};
const counted = async (data: string) =>
  JSON.parse((await run("query", ["--data", data, "--format", "json", FINGERPRINT])).stdout);

test("it continues with its own rules in both stores, beside its old archive, and nothing is unexplained", async () => {
  using dir = tempDir();
  released(dir.path);
  const before = await counted(dir.path);
  const early = await batch(dir.path);
  expect([early.code, early.stderr]).toEqual([1, expect.stringContaining("[TIDEMARK_SCHEMA_OLDER]")]);
  expect(early.stderr).toContain("bun run consume --until-end");
  expect(await counted(dir.path)).toEqual(before);

  await fillLog(dir.path, MORE);
  const [stream, consume] = await stages(dir.path);
  expect([stream!.json.malformed, consume!.json.malformed]).toEqual([2, 2]);
  expect(consume!.stderr).toContain("To read the log again with the newest: bun run rebuild");
  expect(rulesOf(dir.path)).toEqual(["1", "1"]);
  for (const file of ["ticks.db", "windows.db"]) expect(existsSync(join(dir.path, `${file}.v1.bak`))).toBe(true);
  const { json } = await batch(dir.path);
  expect(json).toMatchObject({ failed: [], ticks_new: 2, ticks_total: 208 });
  expect(json.reconciliation).toMatchObject({ unexplained: 0, pending: 0 });
}, 300_000);

test("--rebuild of one store alone keeps the rules of the other; `rebuild` leads both to the newest", async () => {
  using dir = tempDir();
  released(dir.path);
  await fillLog(dir.path, MORE);
  await stages(dir.path, ["stream"], ["--rebuild"]);
  await stages(dir.path, ["consume"], ["--rebuild"]);
  expect(rulesOf(dir.path)).toEqual(["1", "1"]);
  expect((await batch(dir.path)).json.reconciliation).toMatchObject({ unexplained: 0, pending: 0 });

  expect((await run("rebuild", ["--data", dir.path])).code).toBe(0);
  const [stream, consume] = await stages(dir.path);
  expect(rulesOf(dir.path)).toEqual(["2", "2"]);
  // Refused by rules 2: four trades of HUGE in the fixture and one of MORE beyond 10^12, two ids
  // above 64 bytes, "rubbish".
  expect([stream!.json.malformed, consume!.json.malformed]).toEqual([8, 8]);
  const { json } = await batch(dir.path);
  expect(json).toMatchObject({ failed: [], ticks_total: consume!.json.inserted });
  expect(json.reconciliation).toMatchObject({ unexplained: 0, pending: 0 });
}, 300_000);

test("rebuild refuses where the log no longer has what the stores have read", async () => {
  using dir = tempDir();
  released(dir.path);
  const log = new Database(join(dir.path, "log.db"));
  const [table] = log.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE name = 'blocks'").all();
  expect(table).toBeDefined();
  log.exec("DELETE FROM blocks WHERE rowid = (SELECT min(rowid) FROM blocks)");
  log.close();
  const ran = await run("rebuild", ["--data", dir.path]);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain("a rebuild would lose it");
  expect(existsSync(join(dir.path, "ticks.db"))).toBe(true);
}, 300_000);
