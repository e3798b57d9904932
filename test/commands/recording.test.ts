/** record and replay: a recording plays again byte for byte; damage is reported with its line. */
import { afterEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { recordedLines, tempDir } from "../support/data.ts";
import { killStages, run, type Stage, startStage, until } from "../support/process.ts";

afterEach(killStages);

/** `replay` of a file on a free port. */
async function replay(file: string): Promise<{ url: string; child: Stage }> {
  const child = startStage("replay", [file, "--speed", "max", "--port", "0"]);
  return { url: await until("its address", () => child.printed().includes("\n") && child.printed().trim()), child };
}

test("a recording of a replay is the recording, and a directory fed by it holds the same ticks", async () => {
  using dir = tempDir();
  const lines = recordedLines().slice(0, 2_000);
  const original = join(dir.path, "original.jsonl");
  writeFileSync(original, `${lines.join("\n")}\n`);
  const copy = join(dir.path, "copy.jsonl.gz");
  const recorded = await run("record", [copy, "--feed", (await replay(original)).url, "--until-end", "--json"]);
  expect([recorded.code, recorded.json]).toEqual([0, expect.objectContaining({ records: 2_000 })]);
  expect(
    gunzipSync(await Bun.file(copy).bytes())
      .toString()
      .trimEnd()
      .split("\n"),
  ).toEqual(lines);
  const produced = await run("produce", [
    "--data",
    dir.path,
    "--feed",
    (await replay(copy)).url,
    "--until-end",
    "--json",
  ]);
  expect(produced.json).toMatchObject({ records: 2_000, ticks: 2_000, reconnects: 0 });
  const consumed = await run("consume", ["--data", dir.path, "--until-end", "--json"]);
  expect(consumed.json).toMatchObject({ inserted: 2_000, duplicates: 0, malformed: 0 });
}, 120_000);

test("a corrupt line is named and left out, the others play; a cut or empty file is one sentence", async () => {
  using dir = tempDir();
  const lines = recordedLines().slice(0, 10);
  const file = join(dir.path, "bad.jsonl");
  writeFileSync(file, [...lines.slice(0, 4), '{"type":"ticker","trade_', ...lines.slice(4)].join("\n"));
  const { url, child } = await replay(file);
  const produced = await run("produce", ["--data", dir.path, "--feed", url, "--until-end", "--json"]);
  expect(produced.json).toMatchObject({ ticks: 10 });
  expect(child.said()).toContain("bad.jsonl, line 5 is left out: it is not a JSON message");

  const whole = Bun.gzipSync(new TextEncoder().encode(recordedLines().join("\n")));
  writeFileSync(join(dir.path, "cut.jsonl.gz"), whole.slice(0, whole.length / 2));
  writeFileSync(join(dir.path, "empty.jsonl"), "");
  for (const [name, words] of [
    ["cut.jsonl.gz", "is damaged after line"],
    ["empty.jsonl", "holds no trade"],
  ] as const) {
    const answer = await run("replay", [join(dir.path, name), "--port", "0"]);
    expect([name, answer.code]).toEqual([name, 1]);
    expect(answer.stderr).toContain(words);
    expect(answer.stderr).toContain("TIDEMARK_RECORDING");
    expect(answer.stderr).not.toMatch(/^\s+at /m);
  }
}, 120_000);

test("record with nothing received writes nothing and exits 1", async () => {
  using dir = tempDir();
  const file = join(dir.path, "none.jsonl.gz");
  const answer = await run("record", [file, "--feed", "ws://127.0.0.1:9", "--for", "300ms"]);
  expect([answer.code, await Bun.file(file).exists()]).toEqual([1, false]);
  expect(answer.stderr).toContain("Nothing was received from ws://127.0.0.1:9: no recording was written.");
}, 120_000);
