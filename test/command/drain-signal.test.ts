/** Signals: the first one drains, npm's repetition of it changes nothing, a second one ends at once. */
import { expect, test } from "bun:test";
import { ROOT } from "../support/data.ts";
import { startProgram, until } from "../support/process.ts";

/** Drains for as long as stdin is open, and prints each signal that it has taken. */
const SCRIPT = `
  import { createLogger } from "./scripts/base/logger.ts";
  import { drainSignal } from "./scripts/command/drain-signal.ts";
  const signal = drainSignal(createLogger("test", { verbose: false }));
  process.on("SIGINT", () => console.log(signal.aborted ? "draining" : "not draining"));
  console.log("ready");
  for await (const _ of Bun.stdin.stream());
  process.exit(0);`;

async function started() {
  const child = startProgram([process.execPath, "-e", SCRIPT], { cwd: ROOT, stdin: "pipe" });
  const printed = (line: string, times: number) =>
    until(`${line}, ${times} times`, () => child.printed().split(line).length > times || !child.isRunning(), {
      said: child.said,
    });
  await printed("ready", 1);
  child.signal("SIGINT");
  await printed("draining\n", 1);
  return { child, printed };
}

test("a signal that comes twice is one, also where the process stood still between the two", async () => {
  const { child, printed } = await started();
  await using _ = child;
  child.signal("SIGSTOP");
  child.signal("SIGINT");
  await Bun.sleep(2_000);
  child.signal("SIGCONT");
  await printed("draining\n", 2);
  child.stdin.end();
  expect([await child.ended, child.printed()]).toEqual([0, "ready\ndraining\ndraining\n"]);
}, 120_000);

test("a later signal ends a process that drains with 130", async () => {
  const { child } = await started();
  await using _ = child;
  await until("its end", () => child.signal("SIGINT") ?? !child.isRunning(), { every_ms: 300 });
  expect(await child.ended).toBe(130);
}, 120_000);
