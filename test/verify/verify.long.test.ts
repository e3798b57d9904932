/** The measures against injected truths: the whole form, with faults of eight and of twenty seconds. */
import { expect, test } from "bun:test";
import { run } from "../support/process.ts";

test("every cell of the whole matrix is right", async () => {
  const { code, json, stderr } = await run("verify", ["--json"]);
  expect([code, json, stderr]).toEqual([0, expect.objectContaining({ wrong: [], failed: [] }), expect.any(String)]);
  expect(json.cells).toBeGreaterThan(150);
}, 400_000);
