/** The measures against injected truths: in short, and with faults of eight and of twenty seconds. */
import { expect, test } from "bun:test";
import { run } from "../support/process.ts";

/** Nothing, and a stall. They run beside each other. */
const SCENARIOS = ["control", "log stalled"];

test("in short: what must move does, by what was done, and nothing else", async () => {
  const { code, stdout, stderr } = await run("verify", ["--short", "--only", SCENARIOS.join(",")]);
  expect([code, stdout, stderr]).toEqual([0, expect.stringMatching(/(\d+) of \1 cells are right/), expect.any(String)]);
}, 300_000);

test("every cell of the whole matrix is right", async () => {
  const { code, json, stderr } = await run("verify", ["--json"]);
  expect([code, json, stderr]).toEqual([0, expect.objectContaining({ wrong: [], failed: [] }), expect.any(String)]);
  expect(json.cells).toBeGreaterThan(150);
}, 900_000);
