/** One process per stage, or several that share it: a refusal names the holder (docs/faults.md row 40). */
import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { fillLog, recordedLines, rowsOf, tempDir } from "../support/data.ts";
import { childOf, killStages, run, startProgram, startStage, until } from "../support/process.ts";

afterEach(killStages);

function want(dir: string, mode = "alone") {
  const child = startProgram(childOf("lock-holder", [dir, mode]), { stdin: "pipe" });
  const first = until("its word", () => child.printed().trim(), { said: child.said });
  return { child, first };
}

test("50 starts at once: exactly one wins, the refusal of each other names the winner's pid", async () => {
  using dir = tempDir();
  const all = Array.from({ length: 50 }, () => want(dir.path));
  const said = await Promise.all(all.map(({ first }) => first));
  const winners = all.filter((_, i) => said[i] === "won");
  expect(winners.length).toBe(1);
  const { pid } = winners[0]!.child;
  for (const text of said.filter((one) => one !== "won")) {
    expect(text).toBe(`Another stream (pid ${pid}) already works on ${dir.path}.`);
  }
  winners[0]!.child.signal("SIGKILL");
  await winners[0]!.child.ended;
  const next = want(dir.path);
  expect(await next.first).toBe("won");
  next.child.stdin.end();
  expect(await next.child.ended).toBe(0);
}, 300_000);

test("several may share a lock; a process that needs it alone is refused until the last one has ended, and then refuses the others", async () => {
  using dir = tempDir();
  const sharers = Array.from({ length: 5 }, () => want(dir.path, "shared"));
  expect(await Promise.all(sharers.map(({ first }) => first))).toEqual(sharers.map(() => "won"));
  expect(await want(dir.path).first).toMatch(/^Another stream \(pid \d+\) already works on /);
  for (const { child } of sharers) child.signal("SIGKILL");
  await Promise.all(sharers.map(({ child }) => child.ended));
  const alone = want(dir.path);
  expect(await alone.first).toBe("won");
  expect(await want(dir.path, "shared").first).toBe(
    `Another stream (pid ${alone.child.pid}) already works on ${dir.path}.`,
  );
  alone.child.signal("SIGKILL");
  await alone.child.ended;
}, 300_000);

test.skipIf(process.platform !== "linux")(
  "a lock that is held stays held when its file, or the whole folder, is removed",
  async () => {
    for (const gone of ["locks/stream.lock", "locks"]) {
      using dir = tempDir();
      const first = want(dir.path);
      expect(await first.first).toBe("won");
      rmSync(join(dir.path, gone), { recursive: true });
      for (const mode of ["alone", "shared"])
        expect(await want(dir.path, mode).first).toBe(
          `Another stream (pid ${first.child.pid}; its lock file was removed) already works on ${dir.path}.`,
        );
      first.child.signal("SIGKILL");
      await first.child.ended;
      const next = want(dir.path);
      expect(await next.first).toBe("won");
      next.child.stdin.end();
      await next.child.ended;
    }
  },
  300_000,
);

test("a data directory without locks/ is refused with a sentence by a command that creates none", async () => {
  using dir = tempDir();
  await fillLog(dir.path, recordedLines().slice(0, 10));
  rmSync(join(dir.path, "locks"), { recursive: true });
  const { code, stderr } = await run("doctor", ["--data", dir.path, "--repair-log"]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("locks/produce.lock can't be read or written")]);
  expect(stderr).toContain("[TIDEMARK_DATA_DIR]");
});

test("a second stream is refused with the first's pid; killed, the first leaves no lock behind; --rebuild is refused too", async () => {
  using dir = tempDir();
  await fillLog(dir.path, recordedLines().slice(0, 100));
  const first = startStage("stream", ["--data", dir.path]);
  await until(
    "it has read",
    () => rowsOf(dir.path, "windows.db", "SELECT 1 FROM offsets WHERE next_offset = 100").length === 1,
  );
  for (const more of [[], ["--rebuild"]]) {
    const second = await run("stream", ["--data", dir.path, "--until-end", ...more]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(
      `Another stream (pid ${first.pid}) already works on ${dir.path}. [TIDEMARK_STAGE_BUSY]`,
    );
  }
  first.signal("SIGKILL");
  await first.ended;
  expect((await run("stream", ["--data", dir.path, "--until-end"])).code).toBe(0);
}, 300_000);

test("a lock on windows.db that is held elsewhere is waited for, with a message, and no record is lost", async () => {
  using dir = tempDir();
  const lines = recordedLines().slice(0, 2_000);
  await fillLog(dir.path, lines.slice(0, 1_000));
  const stage = startStage("stream", ["--data", dir.path]);
  await until(
    "it has read",
    () => rowsOf(dir.path, "windows.db", "SELECT 1 FROM offsets WHERE next_offset = 1000").length === 1,
  );
  const shell = new Database(join(dir.path, "windows.db"));
  // The stream commits its measures each second.
  shell.exec("PRAGMA busy_timeout = 5000");
  shell.exec("BEGIN IMMEDIATE");
  await fillLog(dir.path, lines.slice(1_000));
  await until("it reports that it waits", () =>
    /Another process holds the lock of .*windows\.db.*Retrying until it works/.test(stage.said()),
  );
  shell.exec("ROLLBACK");
  shell.close();
  await until(
    "it has continued",
    () => rowsOf(dir.path, "windows.db", "SELECT 1 FROM offsets WHERE next_offset = 2000").length === 1,
  );
  stage.signal("SIGTERM");
  expect(await stage.ended).toBe(0);
  using calm = tempDir();
  await fillLog(calm.path, lines);
  await run("stream", ["--data", calm.path, "--until-end"]);
  expect(answerHash(join(dir.path, "windows.db"))).toEqual(answerHash(join(calm.path, "windows.db")));
}, 300_000);
