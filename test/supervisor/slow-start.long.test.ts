/** A stage that can't start is given up at once also where its start takes seconds. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TidemarkError } from "../../scripts/base/errors.ts";
import { Child } from "../../scripts/supervisor/child.ts";
import { quiet, tempDir } from "../support/data.ts";

test("a command that fails by itself some seconds after its first start is not started again", async () => {
  using dir = tempDir();
  const file = join(dir.path, "slow.ts");
  writeFileSync(file, "await Bun.sleep(4_000);\nprocess.exit(1);\n");
  let starts = 0;
  const ended = Promise.withResolvers<TidemarkError | null>();
  const command = async (): Promise<[string]> => {
    starts++;
    return [file];
  };
  void new Child({ name: "stream", command, logger: quiet, onEnd: ended.resolve }).start();
  expect((await ended.promise)?.message).toBe("stream ended with status 1.");
  expect(starts).toBe(1);
}, 300_000);
