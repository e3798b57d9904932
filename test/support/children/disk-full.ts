/** A process on a small disk, which it fills under a writer and a stage. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nowUs } from "../../../scripts/base/clock.ts";
import { openDataDir } from "../../../scripts/base/data-dir.ts";
import { runProgram } from "../../../scripts/base/process.ts";
import { openLog } from "../../../scripts/log/open.ts";
import { answerHash } from "../../../scripts/store/answer-hash.ts";
import { quiet, recordedLines } from "../data.ts";
import { read } from "../log-records.ts";
import { run, startStage, until } from "../process.ts";

const disk = process.argv[2]!;
const data = join(disk, "data");
const ballast = join(disk, "ballast");
const lines = recordedLines();
const encoder = new TextEncoder();

/** Leaves `bytes` of room. */
function fill(bytes: number): void {
  const free = Number(runProgram(["df", "-B1", "--output=avail", disk]).stdout.split("\n")[1]);
  writeFileSync(ballast, new Uint8Array(free - bytes));
}

const log = await openLog("embedded:", openDataDir(data), { role: "writer", logger: quiet });
fill(2_000_000);
const refusals: string[] = [];
for (let i = 0; i < lines.length; ) {
  const some = lines.slice(i, i + 500).map((line) => ({ key: "BTC-USD", value: encoder.encode(line) }));
  try {
    await log.append(some);
    i += some.length;
  } catch (error) {
    refusals.push(`${(error as { code: string }).code} after ${i}`);
    if (refusals.length === 3) rmSync(ballast);
  }
}
const reader = await log.reader({ group: "check", position: () => 0 });
const got = await read(reader, lines.length);
await reader.close();
await log.close();

fill(300_000);
const stage = startStage("stream", ["--data", data, "--until-end", "--poll-records", "200"]);
await until("the stage reports that the disk is full", () => stage.said().includes("No space is left"));
const waited_us = nowUs();
await until("it is still waiting", () => nowUs() - waited_us > 700_000);
rmSync(ballast);
const ended = await stage.ended;
const { hash } = answerHash(join(data, "windows.db"));
runProgram(["mount", "-o", "remount,ro", disk]);
const readOnly = await run("stream", ["--data", data, "--until-end"]);
const result = {
  read_only: [readOnly.code, readOnly.stderr],
  refusals,
  intact: got.length === lines.length && got.every((record, i) => record.text === lines[i] && record.offset === i),
  ended,
  said: stage.said(),
  hash,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
