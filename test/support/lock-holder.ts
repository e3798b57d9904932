/** A process that wants a stage's lock, for tests: prints `won`, and holds it until its stdin ends; or prints the error's sentence. */

import { openDataDir } from "../../scripts/base/data-dir.ts";
import { sentence } from "../../scripts/base/errors.ts";
import { lockStage } from "../../scripts/command/stage-lock.ts";

const [dir, mode] = process.argv.slice(2) as [string, "alone" | "shared"];
try {
  lockStage(openDataDir(dir), "stream", mode);
} catch (error) {
  process.stdout.write(`${sentence(error)}\n`);
  process.exit(1);
}
process.stdout.write("won\n");
await Bun.stdin.text();
process.exit(0);
