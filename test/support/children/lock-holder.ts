/** A process that takes a stage's lock and holds it until its stdin ends; it prints `won` or the error. */

import { openDataDir } from "../../../scripts/base/data-dir.ts";
import { sentence } from "../../../scripts/base/errors.ts";
import { lockStage } from "../../../scripts/command/stage-lock.ts";

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
