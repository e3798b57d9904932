/** What every command has in common: help, wrong usage, sentences instead of stack traces, pipes. */
import { describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { specs } from "../support/commands-doc.ts";
import { fillLog, ROOT, recordedLines, tempDir } from "../support/data.ts";
import { run, shell } from "../support/process.ts";

const COMMANDS = await specs();

describe("every command", () => {
  for (const { name, flags, examples } of COMMANDS) {
    test(`${name}: --help names each flag and ends with examples; an unknown flag is exit 2 with a hint`, async () => {
      const help = await run(name, ["--help"]);
      expect([help.code, help.stderr]).toEqual([0, ""]);
      for (const flag of flags) expect(help.stdout).toContain(flag.flags.split(" ")[0]!);
      expect(help.stdout.slice(help.stdout.indexOf("Examples:"))).toContain(examples[0]!);
      const wrong = await run(name, ["--datta", "x"]);
      expect([wrong.code, wrong.stdout]).toEqual([2, ""]);
      expect(wrong.stderr).toContain("unknown option '--datta'");
      if (flags.some((flag) => flag.flags.startsWith("--data ")))
        expect(wrong.stderr).toContain("Did you mean --data?");
    });
  }
});

/** Arguments, exit status, and words of the sentence that must be printed. */
const WRONG: [command: string, args: string[], code: number, words: string][] = [
  ["stream", ["--window", "7"], 2, "Give a duration such as"],
  ["stream", ["--window", "1m,1m"], 2, "Name each window size once"],
  ["stream", ["--window", "5m", "--every", "2m"], 2, "--every 2m does not divide the window of 5m"],
  ["stream", ["--lateness"], 2, "argument missing"],
  ["stream", ["--poll-records", "0"], 2, "whole number from 1"],
  ["stream", ["--log", "redis://x"], 2, "A log URL can't begin with redis://."],
  ["consume", ["extra"], 2, "too many arguments"],
  ["produce", ["--feed", "http://x"], 2, "ws:// or wss://"],
  ["produce", ["--channel", "level2"], 2, "Allowed choices are ticker, matches"],
  ["produce", ["--products", "BTC USD"], 2, "is not a valid product name"],
  ["replay", ["--speed", "-1"], 2, "number above 0, or max"],
  ["replay", ["/nowhere.jsonl.gz"], 1, "There is no recording at /nowhere.jsonl.gz"],
  ["schedule", ["--every", "often"], 2, "cron pattern"],
  ["serve", ["--port", "99999"], 2, "whole number from 0 to 65535"],
  ["start", ["--speed", "fast"], 2, "number above 0, or max"],
  ["start", ["--every", "0s"], 2, "argument '0s' is invalid. Give an interval of at least a second"],
  ["schedule", ["--tz", "Mars"], 2, '"Mars" is not a time zone'],
  ["start", ["--window", "soon"], 2, "Give a duration"],
  ["start", ["--log", "kafka:/x"], 2, "The log URL is not valid."],
  ["query", ["--format", "xml", "SELECT 1"], 2, "Allowed choices are"],
  ["batch", ["--metric", "nothing"], 2, "There is no metric nothing"],
  ["batch", ["--sql", "/nowhere"], 1, "can't be read"],
];

describe("wrong usage and bad input", () => {
  for (const [command, args, code, words] of WRONG) {
    test(`${command} ${args.join(" ")}: ${words}`, async () => {
      using dir = tempDir();
      const where = command === "replay" ? [] : ["--data", dir.path];
      const answer = await run(command, [...where, ...args]);
      expect([answer.code, answer.stdout]).toEqual([code, ""]);
      expect(answer.stderr).toContain(words);
      expect(answer.stderr).not.toMatch(/^\s+at /m);
    });
  }

  test("a data directory that is a file, or can't be written, is one sentence", async () => {
    using dir = tempDir();
    const file = join(dir.path, "file");
    writeFileSync(file, "");
    for (const command of ["produce", "stream", "consume", "batch", "serve"]) {
      const answer = await run(command, ["--data", file]);
      expect([command, answer.code]).toEqual([command, 1]);
      expect(answer.stderr).toContain(`${file} is a file, not a data directory. [TIDEMARK_DATA_DIR]`);
      expect(answer.stderr).not.toMatch(/^\s+at /m);
    }
    if (process.getuid?.() === 0) return;
    chmodSync(dir.path, 0o500);
    expect((await run("stream", ["--data", dir.path])).stderr).toContain("TIDEMARK_DATA_DIR");
  });

  test("a damaged database is refused with what to do, and nothing is changed", async () => {
    using dir = tempDir();
    await fillLog(dir.path, recordedLines().slice(0, 100));
    await Bun.write(join(dir.path, "windows.db"), "not a database, only named like one ".repeat(200));
    const answer = await run("stream", ["--data", dir.path, "--until-end"]);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain("windows.db is damaged");
    expect(answer.stderr).toContain("--rebuild");
    expect((await run("stream", ["--data", dir.path, "--until-end", "--rebuild", "--json"])).json).toMatchObject({
      records: 100,
    });
  });

  test("another window size or lateness over old state is refused with both values; --rebuild accepts it", async () => {
    using dir = tempDir();
    await fillLog(dir.path, recordedLines().slice(0, 500));
    const stream = (...args: string[]) => run("stream", ["--data", dir.path, "--until-end", "--json", ...args]);
    expect((await stream()).code).toBe(0);
    const other = await stream("--lateness", "30s");
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("was created with --lateness 1m, and now it is --lateness 30s.");
    expect(other.stderr).toContain("--rebuild");
    const sizes = (await stream("--window", "10s,1m", "--every", "5s")).stderr;
    expect(sizes).toContain("was created with --window 1m, and now it is --window 10s,1m --every 5s.");
    expect(sizes).toContain("TIDEMARK_SETTINGS_CHANGED");
    expect((await stream("--lateness", "30s", "--rebuild")).json).toMatchObject({ records: 500 });
  });

  test("--verbose shows where an error came from", async () => {
    using dir = tempDir();
    const answer = await run("batch", ["--data", dir.path, "--verbose"]);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain("There is no");
    expect(answer.stderr).toMatch(/^\s+at /m);
  });

  test("replayed and live ticks never share a directory", async () => {
    using dir = tempDir();
    await Bun.write(join(dir.path, "kind.json"), '{"kind":"live"}\n');
    const answer = await run("produce", ["--data", dir.path, "--feed", "ws://127.0.0.1:9"]);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain("holds live data, and this feed is replay");
  });
});

test("a flag beats its variable, which beats the default; doctor reports which one won", async () => {
  using dir = tempDir();
  const doctor = async (args: string[], env: Record<string, string>) =>
    JSON.parse((await run("doctor", [...args, "--json"], env)).stdout).find(
      (f: { what: string }) => f.what === "settings",
    ).found;
  expect(await doctor([], { TIDEMARK_DATA: dir.path })).toContain(`data = ${dir.path} (env)`);
  expect(await doctor(["--data", dir.path], { TIDEMARK_DATA: "/other" })).toContain(`data = ${dir.path} (cli)`);
  expect(await doctor([], {})).toContain("data = data (default)");
});

test("without a terminal there are no colours; a reader that goes away ends the command quietly with 0", async () => {
  using dir = tempDir();
  await fillLog(dir.path, recordedLines().slice(0, 10));
  const plain = await run("stream", ["--data", dir.path, "--until-end"]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes are what is searched for
  expect(plain.stderr).not.toMatch(/\u001b\[/);
  const piped = await shell(
    `"${process.execPath}" scripts/replay.ts --help | head -1; "${process.execPath}" scripts/doctor.ts --data "${dir.path}" | true`,
    { cwd: ROOT },
  );
  expect(piped.stderr).toBe("");
  expect(piped.code).toBe(0);
});
