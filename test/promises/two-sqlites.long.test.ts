/** No process opens one file with DuckDB's SQLite and with Bun's (docs/faults.md 26). */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fillLog, ROOT, recordedLines, tempDir } from "../support/data.ts";
import { killStages, run, startStage, until } from "../support/process.ts";

/** A file and all that it imports, directly or not, without types. */
function closure(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const transpiler = new Bun.Transpiler({ loader: file.endsWith("x") ? "tsx" : "ts" });
  for (const { path } of transpiler.scanImports(readFileSync(join(ROOT, file), "utf8"))) {
    if (/^\..*\.tsx?$/.test(path)) closure(normalize(join(dirname(file), path)), found);
  }
  return found;
}

const has = (file: string, what: RegExp) => what.test(readFileSync(join(ROOT, file), "utf8"));
const commands = readdirSync(join(ROOT, "scripts")).filter((name) => name.endsWith(".ts"));

test("a command that attaches a file to DuckDB opens none with bun:sqlite but the lock's and results.db", () => {
  const attaching = commands
    .map((name) => [...closure(`scripts/${name}`)])
    // A file of DuckDB's own format needs no SQLite.
    .filter((files) => files.some((file) => has(file, /`ATTACH (?![^`]*\(TYPE duckdb, READ_ONLY\))/)));
  expect(attaching.map(([command]) => command)).toContain("scripts/batch.ts");
  for (const files of attaching) {
    const openers = files.filter((file) => has(file, /\b(openDatabase|openReadOnly|new Database)\(/));
    // The process of a schedule (and of `batch --watch`) has run-inputs.ts; each batch is another one.
    const allowed = /^scripts\/(base\/sqlite|command\/stage-lock|metrics\/results-db|stages\/run-inputs)\.ts$/;
    expect([files[0], openers.filter((file) => !allowed.test(file))]).toEqual([files[0], []]);
  }
});

describe.skipIf(!existsSync("/proc/self/fd"))("in the open files of a process", () => {
  test("a batch in mid-collecting holds the stages' files for reading only, and results.db beside them", async () => {
    using dir = tempDir();
    await fillLog(dir.path, recordedLines().slice(0, 500));
    for (const stage of ["stream", "consume"]) await run(stage, ["--data", dir.path, "--until-end"]);
    const batch = startStage("batch", ["--data", dir.path], { TIDEMARK_DIE_AT: "file-written:1:SIGSTOP" });
    try {
      await until("the batch sleeps", () => /^State:\s+T/m.test(readFileSync(`/proc/${batch.pid}/status`, "utf8")));
      const open = readdirSync(`/proc/${batch.pid}/fd`).flatMap((fd) => {
        const path = readlinkSync(`/proc/${batch.pid}/fd/${fd}`);
        const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/${batch.pid}/fdinfo/${fd}`, "utf8"))![1]!;
        return [{ path, writes: (Number.parseInt(flags, 8) & 3) !== 0 }];
      });
      for (const name of ["ticks.db", "windows.db"]) {
        const handles = open.filter(({ path }) => path === join(dir.path, name));
        expect([name, handles.some(({ writes }) => writes)]).toEqual([name, false]);
      }
      expect(open.filter(({ path }) => path === join(dir.path, "results.db")).length).toBe(1);
      batch.signal("SIGCONT");
      expect(await batch.ended).toBe(0);
    } finally {
      killStages();
    }
  }, 300_000);
});
