/** The command that measures injected truths; its scenarios are in verify.long.test.ts. */
import { expect, test } from "bun:test";
import { run } from "../support/process.ts";

test("an unknown scenario is a wrong usage, which lists the known ones", async () => {
  const { code, stderr } = await run("verify", ["--only", "a rainy day"]);
  expect([code, stderr]).toEqual([2, expect.stringContaining("log stalled, stream stopped")]);
});
