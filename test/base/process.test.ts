/** Starting processes: how their end is reported, and that none outlives its limits or its parent. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROCESS_ERROR_BYTES_MAX } from "../../scripts/base/limits.ts";
import { lives, runProgram, spawnProgram, spawnScript } from "../../scripts/base/process.ts";
import { tempDir } from "../support/data.ts";
import { until } from "../support/process.ts";

const PROCESS = join(import.meta.dir, "../../scripts/base/process.ts");

test("the end of a process has its status, its signal and its stderr", async () => {
  const failed = spawnProgram(["sh", "-c", "echo wrong >&2; exit 3"], { stderr: "keep" });
  expect(await failed.ended).toMatchObject({ code: 3, signal: null, stderr: "wrong\n", isLate: false });
  const killed = spawnProgram(["sleep", "60"], {});
  killed.kill("SIGKILL");
  expect(await killed.ended).toMatchObject({ code: 137, signal: "SIGKILL", stderr: "", isLate: false });
});

test("of a long stderr the newest bytes are kept", async () => {
  const { ended } = spawnProgram(["sh", "-c", "yes x | head -c 1000000 >&2; echo error >&2"], { stderr: "keep" });
  const { stderr } = await ended;
  expect([stderr.length, stderr.endsWith("error\n")]).toEqual([PROCESS_ERROR_BYTES_MAX, true]);
});

test("a process that runs longer than its limit is killed, and its end reports that", async () => {
  const { ended } = spawnProgram(["sleep", "60"], { ms_max: 50 });
  expect(await ended).toMatchObject({ signal: "SIGKILL", isLate: true });
});

test("stop sends SIGTERM, and SIGKILL to one that ignores it", async () => {
  const quick = spawnProgram(["sleep", "60"], {});
  expect(await quick.stop(30_000)).toMatchObject({ signal: "SIGTERM" });
  const deaf = spawnProgram(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"], { stdout: "pipe" });
  for await (const _ of deaf.stdout) break;
  expect(await deaf.stop(100)).toMatchObject({ signal: "SIGKILL", isLate: false });
});

test("the lifeline ends with the parent, even when the parent is killed", async () => {
  using dir = tempDir();
  const child = join(dir.path, "child.ts");
  const parent = join(dir.path, "parent.ts");
  writeFileSync(child, 'process.stdin.on("end", () => process.exit(0)); process.stdin.resume();');
  writeFileSync(
    parent,
    `import { spawnScript } from ${JSON.stringify(PROCESS)};
     const { pid } = spawnScript(${JSON.stringify(child)}, [], { stdin: "lifeline" });
     process.stdout.write(pid + "\\n");
     setInterval(() => {}, 1_000);`,
  );
  const started = spawnScript(parent, [], { stdout: "pipe" });
  let pid = "";
  for await (const chunk of started.stdout) {
    pid = new TextDecoder().decode(chunk).trim();
    break;
  }
  expect(lives(pid)).toBe(true);
  started.kill("SIGKILL");
  await until("the child's end", () => !lives(pid));
});

test("a short program gives its output, and null as its status when it does not exist", () => {
  expect(runProgram(["echo", "here"])).toEqual({ code: 0, stdout: "here\n", stderr: "" });
  expect(runProgram(["no-such-program"]).code).toBeNull();
});
