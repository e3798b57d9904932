/** `bun run audit`: wrong products, repeated rows, and history in the log. */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tickSource } from "../../scripts/audit/index.ts";
import { tempDir } from "../support/data.ts";
import { csv, LINES, rows, TRADES } from "../support/minute-rows.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(120_000);

const dir = tempDir();
const audit = (...args: string[]) => run("audit", args);
afterAll(() => dir[Symbol.dispose]());
const write = (name: string, text: string) => {
  writeFileSync(join(dir.path, name), text);
  return join(dir.path, name);
};
const ticks = write("ticks.jsonl", `${LINES.join("\n")}\n`);
const exact = write("exact.csv", csv(rows(TRADES)));

test("a product that nothing has is wrong usage, and not an audit of no windows", async () => {
  const named = csv(rows(TRADES))
    .replaceAll(/^(?=2)/gm, "BTCUSDT,")
    .replace("window", "pair,window");
  const other = write("named.csv", named);
  const btc = write("named-btc.csv", named.replaceAll("BTCUSDT", "BTC-USD"));
  const [wrong, foreign, left] = await Promise.all([
    audit("--log", ticks, "--answers", btc, "--product", "btc-usd"),
    audit("--log", ticks, "--answers", other, "--product", "BTC-USD"),
    audit("--log", ticks, "--answers", other, "--product", "BTC-USD", "--map", "pair=ignored"),
  ]);
  expect([wrong!.code, wrong!.stdout]).toEqual([2, ""]);
  expect(wrong!.stderr).toContain(
    "Neither ticks nor answers have btc-usd: the ticks have BTC-USD, the answers BTC-USD.",
  );
  expect([foreign!.code, foreign!.stderr]).toEqual([2, expect.stringContaining("--map pair=ignored")]);
  expect(left!.code).toBe(0);
});

test("a folder whose replay has the log: the sentence names the replay's", () => {
  mkdirSync(join(dir.path, "home/replay"), { recursive: true });
  write("home/replay/log.db", "");
  expect(() => tickSource(join(dir.path, "home"))).toThrow(`but ${join(dir.path, "home/replay")} does.`);
});

test("rows of a window that were written twice are counted, in summary and facts", async () => {
  const twice = write("twice.csv", csv([...rows(TRADES), ...rows(TRADES)]));
  const { stdout } = await audit("--log", ticks, "--answers", twice);
  const count = rows(TRADES).length;
  expect(stdout).toStartWith(`${count} windows: ${count} equal, 0 unexplained, ${count} earlier rows (W9)`);
  expect(stdout).toContain(
    `${2 * count} rows, ${count} of them earlier rows of the same windows (${count} repeated rows)`,
  );
});

test("trades of backfill are left out, as Tidemark's stream leaves them out; --with-history counts them", async () => {
  const history = LINES.slice(0, 3).map((line) => line.replace(/}$/, ',"source":"backfill"}'));
  const log = write("history.jsonl", [...history, ...LINES.slice(3)].join("\n"));
  const later = write("later.csv", csv(rows(TRADES.slice(3))));
  const left = await audit("--log", log, "--answers", later);
  expect([left.code, left.stdout]).toEqual([
    0,
    expect.stringContaining("3 trades of history (backfill) were left out"),
  ]);
  const counted = await audit("--log", log, "--answers", exact, "--with-history");
  expect([counted.code, counted.stdout]).toEqual([0, expect.not.stringContaining("left out")]);
});
