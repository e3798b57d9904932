/** `bun run audit`: exit status, sentences, one set of figures in each form, and every kind of input. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AUDIT_RULES } from "../../scripts/audit/audit-types.ts";
import { EVIL, fillLog, tempDir } from "../support/data.ts";
import { csv, LINES, rows, TRADES, type Trade } from "../support/minute-rows.ts";
import { commandOf, run, shell } from "../support/process.ts";

setDefaultTimeout(120_000);

const dir = tempDir();
const at = (name: string) => join(dir.path, name);
const audit = (...args: string[]) => run("audit", args);
afterAll(() => dir[Symbol.dispose]());

const write = (name: string, text: string) => {
  writeFileSync(at(name), text);
  return at(name);
};

let ticks: string;
let exact: string;
beforeAll(() => {
  ticks = write("ticks.jsonl", `${LINES.join("\n")}\n`);
  exact = write("exact.csv", csv(rows(TRADES)));
});

test("exact answers: exit 0, and every window is equal", async () => {
  const { code, stdout, stderr } = await audit("--log", ticks, "--answers", exact);
  expect([code, stderr]).toEqual([0, ""]);
  const [summary] = stdout.split("\n");
  const count = rows(TRADES).length;
  expect(summary).toBe(`${count} windows: ${count} equal, 0 unexplained`);
  expect(stdout).toContain(`answers  ${exact}: ${count} rows, windows of 1m, times with a zone, read as UTC`);
});

test("a changed digit is unexplained: exit 1; table, JSON and page have the same figures", async () => {
  const changed = rows(TRADES);
  changed[2]![2] = "25999.99";
  const forged = write("forged.csv", csv(changed));
  const html = at("audit.html");
  const { code, stdout } = await audit("--log", ticks, "--answers", forged, "--html", html);
  expect(code).toBe(1);
  const start = changed[2]![0]!;
  const real = rows(TRADES)[2]![2]!;
  expect(stdout).toContain(`${changed.length} windows: ${changed.length - 1} equal, 1 unexplained`);
  expect(stdout).toMatch(new RegExp(`^${start} +max_price +25999.99 +${real.replace(".", "\\.")} +unexplained$`, "m"));
  expect(stdout).toMatch(/^unexplained {2}.*forged\.csv:4\)$/m);
  const page = readFileSync(html, "utf8");
  expect(page).toContain(`Not passed. ${stdout.split("\n")[0]}`);
  expect(page).toContain(`25<mark>999.99</mark></td><td class="n">${real}</td>`);
  const { code: again, json } = await audit("--log", ticks, "--answers", forged, "--json");
  expect(again).toBe(1);
  const window_start_us = Date.UTC(2023, 8, 5, 16, 2) * 1_000;
  expect(json).toMatchObject({
    totals: { windows: changed.length, equal: changed.length - 1, unexplained: 1 },
    windows: expect.arrayContaining([
      expect.objectContaining({
        window_start_us,
        outcome: "unexplained",
        differences: [{ column: "max_price", theirs: "25999.99", exact: real, rules: [] }],
      }),
    ]),
  });
});

test("a tick that may be late or lost is consistent: exit 1, or 0 with --trust", async () => {
  // The trade of the first minute arrives when a watermark of a minute has passed its end.
  const late = TRADES.findIndex(({ time }) => time.startsWith("2023-09-05T16:00:3"));
  const order = [...TRADES.slice(0, late), ...TRADES.slice(late + 1), TRADES[late]!];
  const disordered = write("late.jsonl", order.map((trade) => JSON.stringify({ type: "ticker", ...trade })).join("\n"));
  const dropped = write("dropped.csv", csv(rows(TRADES.toSpliced(late, 1))));
  const unsure = await audit("--log", disordered, "--answers", dropped);
  expect(unsure.code).toBe(1);
  expect(unsure.stdout).toContain("1 only consistent with late ticks dropped (W2, 1 tick), 0 unexplained");
  expect(unsure.stdout).toMatch(new RegExp(`trade_count .* W2\\? .* −1: ${TRADES[late]!.trade_id}$`, "m"));
  expect(unsure.stdout).toContain("to accept it, --trust W2.");
  const trusted = await audit("--log", disordered, "--answers", dropped, "--trust", "W3,W2");
  expect(trusted.code).toBe(0);
  expect(trusted.stdout).toContain("Accepted without a proof, by --trust: W2.");
  // The same row where no watermark can have dropped the tick: it came in order.
  const lost = await audit("--log", ticks, "--answers", dropped, "--trust", "W2");
  expect([lost.code, lost.stdout.split("\n")[0]]).toEqual([1, expect.stringContaining("1 unexplained")]);
});

test("every kind of input gives the same report", async () => {
  const counted = write("counted.csv", csv(rows([...TRADES, TRADES[5]!])));
  const repeated = [...LINES, LINES[5]!];
  await fillLog(at("data"), repeated);
  const cells = (trade: Trade) => [trade.trade_id, trade.time, trade.price, trade.last_size, trade.side].join(",");
  const lines = repeated.map((line) => cells(JSON.parse(line)));
  const dump = repeated.map((value, offset) => JSON.stringify({ partition: 0, offset, value })).join("\n");
  const inputs = [
    [write("again.jsonl", repeated.join("\n"))],
    [at("data")],
    [at("data/log.db")],
    ["embedded:", "--data", at("data")],
    [write("dump.jsonl", dump)],
    [
      write("trades.csv", `tid,ts,px,qty,side\n${lines.join("\n")}\n`),
      "--product",
      "BTC-USD",
      "--tick-map",
      "px=price",
    ],
  ];
  const reports = await Promise.all(
    inputs.map((log) => audit("--log", ...(log as [string]), "--answers", counted, "--json")),
  );
  const parts = reports.map(({ code, stdout }) => {
    const { windows, totals, model, input } = JSON.parse(stdout);
    return { code, windows, totals, model, input: { ...input, url: "" } };
  });
  expect(parts[0]).toMatchObject({ code: 0, input: { records: 1_501, repeated: 1 }, totals: { unexplained: 0 } });
  expect(parts[0]!.windows[0]).toMatchObject({ rules: ["W3"], ticks: [{ trade_id: 6, what: "surplus", rule: "W3" }] });
  for (const part of parts) expect(part).toEqual(parts[0]!);
});

test("--product audits one product of a log that has two", async () => {
  const both = LINES.flatMap((line) => [line, line.replace('"BTC-USD"', '"ETH-USD"')]);
  const log = write("both.jsonl", both.join("\n"));
  const answers = write(
    "btc.csv",
    csv(rows(TRADES))
      .replaceAll(/^(?=2)/gm, "BTC-USD,")
      .replace("window", "symbol,window"),
  );
  const all = await audit("--log", log, "--answers", answers);
  const count = rows(TRADES).length;
  expect([all.code, all.stdout.split("\n")[0]]).toEqual([
    1,
    `${2 * count} windows: ${count} equal, ${count} unexplained`,
  ]);
  expect(all.stdout).toMatch(/^ETH-USD 2023-09-05T16:00:00Z {2}\(row\) +no row +– {2}unexplained$/m);
  expect(all.stdout).toContain("All rows are of BTC-USD, the input has 2 products: --product BTC-USD audits it alone.");
  const one = await audit("--log", log, "--answers", answers, "--product", "BTC-USD");
  expect([one.code, one.stdout.split("\n")[0]]).toEqual([0, `${count} windows: ${count} equal, 0 unexplained`]);
  const unnamed = await audit("--log", log, "--answers", exact);
  expect([unnamed.code, unnamed.stderr]).toEqual([
    2,
    expect.stringContaining("no column of products, and the ticks are of 2: BTC-USD, ETH-USD"),
  ]);
});

test("wrong usage exits with 2 and a sentence on what to do", async () => {
  mkdirSync(at("kept"));
  const kept = write("kept/log.db", "");
  const refused = [
    [[], "--answers is missing: name the pipeline's answers."],
    [
      ["--answers", exact, "--trust", "W14"],
      `"W14" is not a rule: use ${Object.keys(AUDIT_RULES).join(", ")}, behind.`,
    ],
    [["--answers", exact, "--log", at("none")], "there is no file or folder there. [TIDEMARK_USAGE]\nName a topic"],
    [["--answers", exact, "--log", "http://x/y"], "A log URL can't begin with http://."],
    [["--answers", exact, "--log", ticks, "--every", "10s"], "--every needs the size of the windows."],
    [["--answers", exact, "--log", ticks, "--map", "n=cars"], "--map n=cars"],
    [
      ["--answers", write("other-day.csv", readFileSync(exact, "utf8").replaceAll("2023-", "2022-")), "--log", ticks],
      "No window of the answers has a tick: the answers are of any product, 2022-09-05T16:00:00Z to",
    ],
    [["--answers", exact, "--log", ticks, "--product", "ETH-USD"], "the answers are of ETH-USD, 2023-"],
    [["--answers", exact, "--log", ticks, "--tick-map", "px"], "does not end with a field of a trade"],
    [["--answers", exact, "--log", ticks, "--checkpoint", dir.path], "is not a checkpoint of Spark"],
    [["--answers", exact, "--log", ticks, "--html", kept], "is one of Tidemark's own files"],
  ] as const;
  const results = await Promise.all(refused.map(([args]) => audit(...args)));
  for (const [i, { code, stdout, stderr }] of results.entries())
    expect([refused[i]![0], code, stdout, stderr]).toEqual([
      refused[i]![0],
      2,
      "",
      expect.stringContaining(refused[i]![1]),
    ]);
});

test("inputs that can't be compared exit with 2, a page that can't be written with 1; nothing is created", async () => {
  const results = await Promise.all([
    audit("--answers", exact, "--data", at("nowhere")),
    audit("--answers", at("nothing.csv"), "--log", ticks),
    audit("--answers", exact, "--log", ticks, "--html", at("no/folder/audit.html")),
  ]);
  const expected = [
    [2, "There is no log at"],
    [2, "does not exist"],
    [1, "audit.html could not be written"],
  ] as const;
  for (const [i, { code, stderr }] of results.entries())
    expect([code, stderr]).toEqual([expected[i]![0], expect.stringContaining(expected[i]![1])]);
  expect(existsSync(at("nowhere"))).toBe(false);
});

test("two checkpoints beside the answers: the sentence names both; a single one is used, and named", async () => {
  const answers = at("job/answers");
  const folder = (name: string) => mkdirSync(at(`job/checkpoint/${name}/offsets`), { recursive: true });
  mkdirSync(answers, { recursive: true });
  writeFileSync(join(answers, "part-0.csv"), csv(rows(TRADES)));
  for (const name of ["one", "two"]) folder(name);
  const two = await audit("--log", ticks, "--answers", answers);
  expect([two.code, two.stderr]).toEqual([
    2,
    expect.stringContaining("There are 2 Spark checkpoints beside the answers"),
  ]);
  expect((await audit("--log", ticks, "--answers", answers, "--checkpoint", "none")).code).toBe(0);
  const [watermark_ms, end] = [0, TRADES.length];
  mkdirSync(at("solo/answers"), { recursive: true });
  writeFileSync(at("solo/answers/part-0.csv"), csv(rows(TRADES)));
  for (const name of ["offsets", "commits"]) mkdirSync(at(`solo/checkpoint/${name}`), { recursive: true });
  const offsets = ["v1", JSON.stringify({ batchWatermarkMs: watermark_ms }), JSON.stringify({ ticks: { 0: end } })];
  writeFileSync(at("solo/checkpoint/offsets/0"), offsets.join("\n"));
  writeFileSync(at("solo/checkpoint/commits/0"), 'v1\n{"nextBatchWatermarkMs":0}');
  const one = await audit("--log", ticks, "--answers", at("solo/answers/"));
  expect(one.stdout).toContain(`how      Spark's checkpoint is beside the answers: ${at("solo/checkpoint")}.`);
});

test("hostile text in foreign cells reaches neither the terminal nor the page as such", async () => {
  const [first, ...others] = rows(TRADES);
  const hostile = `"${EVIL.replaceAll('"', '""')}\u001b[31m"`;
  const answers = write("evil.csv", csv([[first![0]!, first![1]!, hostile, first![3]!, first![4]!], ...others]));
  const html = at("evil.html");
  const { code, stdout } = await audit("--log", ticks, "--answers", answers, "--html", html);
  expect(code).toBe(1);
  expect(stdout).toContain("[U+001B]");
  expect(stdout + readFileSync(html, "utf8")).not.toContain("\u001b");
  expect(readFileSync(html, "utf8")).not.toContain("<img");
});

test("--html follows a link, keeps a device what it is, and names a folder that it can't replace", async () => {
  writeFileSync(at("real.html"), "old");
  symlinkSync(at("real.html"), at("link.html"));
  const [linked, device, folder] = await Promise.all(
    [at("link.html"), "/dev/null", dir.path].map((html) => audit("--log", ticks, "--answers", exact, "--html", html)),
  );
  expect([linked!.code, device!.code, folder!.code]).toEqual([0, 0, 1]);
  expect(lstatSync(at("link.html")).isSymbolicLink()).toBe(true);
  expect(readFileSync(at("real.html"), "utf8")).toStartWith("<!doctype html>");
  expect(lstatSync("/dev/null").isCharacterDevice()).toBe(true);
  expect(folder!.stderr).toContain("could not be written");
});

test("a closed stdout ends it without an error, and the page is written; a pipe has no colours", async () => {
  const html = at("closed.html");
  const words = commandOf("audit", ["--log", ticks, "--answers", exact, "--all", "--html", html]).map(
    (one) => `'${one}'`,
  );
  const { stderr } = await shell(`${words.join(" ")} | true`);
  expect([stderr, existsSync(html)]).toEqual(["", true]);
  const wrong = write(
    "wrong.csv",
    csv(rows(TRADES).map(([start, n, ...rest]) => [start!, `${Number(n) + 1}`, ...rest])),
  );
  const { stdout } = await run("audit", ["--log", ticks, "--answers", wrong], { NO_COLOR: "1" });
  expect(stdout).not.toContain("\u001b");
});
