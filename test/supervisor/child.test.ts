/** One child of `start`: what is waited for, what is given up, and with which sentence. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../../scripts/base/errors.ts";
import { createLogger } from "../../scripts/base/logger.ts";
import { Child } from "../../scripts/supervisor/child.ts";
import { tempDir } from "../support/data.ts";
import { until } from "../support/process.ts";

const logger = createLogger("start", { verbose: false });
logger.level = "silent";
const UNREACHABLE = new TidemarkError("LOG_UNREACHABLE", "The Kafka broker at a:1 doesn't answer.", "Start it.");

/**
 * Runs a child to its final end; the nth start takes the nth command, and the last one again and
 * again.
 */
function runToEnd(...commands: (() => [file: string, ...args: string[]])[]) {
  const lines: string[] = [];
  const ended = Promise.withResolvers<TidemarkError | null>();
  let starts = 0;
  const command = async () => commands[Math.min(starts++, commands.length - 1)]!();
  const onLine = (line: string) => void lines.push(line);
  const child = new Child({ name: "replay", command, logger, onLine, onEnd: ended.resolve });
  void child.start();
  return { child, lines, ended: ended.promise, starts: () => starts };
}

function script(dir: string, text: string): [file: string] {
  const file = join(dir, "script.ts");
  writeFileSync(file, text);
  return [file];
}

test("a command that fails for an unreachable log is tried again, and the child runs once the log answers", async () => {
  using dir = tempDir();
  const unreachable = () => {
    throw UNREACHABLE;
  };
  const { ended, lines, starts } = runToEnd(unreachable, () => script(dir.path, 'console.log("fed")'));
  expect(await ended).toBeNull();
  expect([lines, starts()]).toEqual([["fed"], 2]);
}, 120_000);

test("a command that can't succeed is given up with its sentence, code and hint", async () => {
  const { ended, starts } = runToEnd(() => {
    throw new TidemarkError("LOG_ACCESS", "The broker refuses the login.", "Check user and password.");
  });
  const why = await ended;
  expect([why?.code, why?.message, why?.hint, starts()]).toEqual([
    "CHILD_FAILED",
    "replay can't be started: The broker refuses the login. [TIDEMARK_LOG_ACCESS]",
    "Check user and password.",
    1,
  ]);
});

test("an error that nobody expected, or a process that can't be started, is given up with a sentence", async () => {
  const broken = runToEnd(() => {
    throw new TypeError("undefined is not\n an object");
  });
  expect((await broken.ended)?.message).toBe("replay can't be started: undefined is not an object");
  const unstartable = runToEnd(() => ["a file with a \0 in its name"]);
  expect((await unstartable.ended)?.message).toMatch(/^replay can't be started: .*null byte/);
});

test("stop ends the wait for a log that does not answer", async () => {
  const { child, starts } = runToEnd(() => {
    throw UNREACHABLE;
  });
  await until("it was started once", () => starts() > 0);
  await child.stop();
  const before = starts();
  await Bun.sleep(1_500);
  expect(starts()).toBe(before);
}, 120_000);
