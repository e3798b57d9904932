/** The machine's time zone changes no byte of windows, CSV files, metrics and archive. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { fillLog, rowsOf, tempDir, troubledLines } from "../support/data.ts";
import { run } from "../support/process.ts";

/** Beside UTC: with daylight saving time, with half an hour, a day ahead, and one that no list has. */
const ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati", "Nowhere/Atlantis"];

/** All that a whole path stores in one zone, but for the times at which it ran. */
async function answers(TZ: string) {
  using dir = tempDir();
  await fillLog(dir.path, troubledLines(1_500));
  for (const stage of ["stream", "consume"]) {
    const { code, stderr } = await run(stage, ["--data", dir.path, "--until-end"], { TZ });
    expect([TZ, stage, code, code && stderr]).toEqual([TZ, stage, 0, 0]);
  }
  const batch = await run("batch", ["--data", dir.path, "--json"], { TZ });
  const query = [
    "--data",
    dir.path,
    "--format",
    "csv",
    "SELECT time, date_trunc('day', time) AS day FROM ticks ORDER BY ALL LIMIT 50",
  ];
  const text = (folder: string) =>
    readdirSync(join(dir.path, folder))
      .filter((name) => name.endsWith(".csv"))
      .map((name) => [name.replace(/_\d{8}.*/, ""), readFileSync(join(dir.path, folder, name), "utf8")])
      // How long the log took is our clock's, not the data's.
      .filter(([name]) => name !== "arrival_delay.csv");
  return {
    windows: answerHash(join(dir.path, "windows.db")),
    csv: text("stream_csv"),
    metrics: text("batch_output/metrics").concat(text("batch_output")),
    minutes: rowsOf(dir.path, "windows.db", "SELECT window_start, window_end FROM windows ORDER BY 1"),
    query: (await run("query", query, { TZ })).stdout,
    batch: [batch.code, batch.json.failed, batch.json.ticks_total, batch.json.reconciliation],
  };
}

test("stream, consume, batch and query give the same answers in every time zone", async () => {
  const utc = await answers(ZONES[0]!);
  expect([utc.batch[0], utc.csv.length, utc.query.split("\n").length]).toEqual([0, 1, 52]);
  for (const zone of ZONES.slice(1)) expect([zone, await answers(zone)]).toEqual([zone, utc]);
}, 300_000);
