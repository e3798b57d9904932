/** The measures against injected truths, in short; all scenarios are in verify.long.test.ts. */
import { expect, test } from "bun:test";
import { run } from "../support/process.ts";

/** Nothing, and a stall. They run beside each other. */
const SCENARIOS = ["control", "log stalled"];

test("every cell of the matrix is right: what must move does, by what was done, and nothing else", async () => {
  const { code, stdout, stderr } = await run("verify", ["--short", "--only", SCENARIOS.join(",")]);
  expect([code, stdout, stderr]).toEqual([0, expect.stringMatching(/(\d+) of \1 cells are right/), expect.any(String)]);
}, 300_000);

test("an unknown scenario is a wrong usage, which lists the known ones", async () => {
  const { code, stderr } = await run("verify", ["--only", "a rainy day"]);
  expect([code, stderr]).toEqual([2, expect.stringContaining("log stalled, stream stopped")]);
});
