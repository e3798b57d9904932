/** Opens log.db at a given moment (ms since 1970), for schema.test.ts: several create it at once. */
import { openDataDir } from "../../../scripts/base/data-dir.ts";
import { openLog } from "../../../scripts/log/open.ts";
import { quiet } from "../data.ts";

const [data, at_ms] = process.argv.slice(2);
while (Date.now() < Number(at_ms));
const log = await openLog("embedded:", openDataDir(data!), { role: "reader", logger: quiet });
await log.close();
