/** A process that appends to a log: `log-writer.ts URL DATA KEY TOTAL SIZE`; see startWriter. */
import { openDataDir } from "../../../scripts/base/data-dir.ts";
import { createLogger } from "../../../scripts/base/logger.ts";
import { openLog } from "../../../scripts/log/open.ts";

const [url, dir, key, total, size] = process.argv.slice(2) as [string, string, string, string, string];
const log = await openLog(url, openDataDir(dir), {
  role: "writer",
  logger: createLogger("writer", { verbose: false }),
});
const encoder = new TextEncoder();
for (let i = 0; i < Number(total); i += Number(size)) {
  const records = Array.from({ length: Number(size) }, (_, j) => ({ key, value: encoder.encode(`${key} ${i + j}`) }));
  await log.append(records);
  process.stdout.write(`${i + records.length}\n`);
}
await log.close();
process.exit(0);
