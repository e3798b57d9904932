/** The limited process in which metrics run: requests on stdin, replies on stdout, each a JSON line. */
import { sentence, TidemarkError } from "../base/errors.ts";
import { peakRssBytes } from "../base/memory.ts";
import { isMemory, limitThisProcess } from "./limited.ts";
import { LockedDatabase, type QueryResult } from "./locked.ts";
import { Results } from "./results-db.ts";
import type { Reply, Request } from "./sandbox.ts";

let database: LockedDatabase | null = null;

async function perform(request: Request): Promise<QueryResult | null> {
  if ("open" in request) {
    const { archive, manifest, sql } = request.open;
    database = await LockedDatabase.open(archive, manifest, sql);
    limitThisProcess();
    return null;
  }
  if (database === null) throw new TidemarkError("INTERNAL", "A query came before the archive was open.");
  if ("check" in request) {
    await database.check(request.check);
    return null;
  }
  const { sql, parameters, rows_max, ms_max, csv } = request.select;
  return database.select(sql, parameters, rows_max, { ms_max, csv });
}

async function handle(request: Request): Promise<void> {
  const reply: Reply = { result: null, error: null, memory: false, deaf: false, rss: 0, peak_rss: 0, cpu_us: 0 };
  try {
    reply.result = await perform(request);
  } catch (error) {
    const known = error instanceof TidemarkError ? error : new TidemarkError("QUERY", sentence(error));
    reply.error = { code: known.code, message: known.message, hint: known.hint };
    reply.memory = isMemory(error) || isMemory(known.cause);
  }
  const { user, system } = process.cpuUsage();
  Object.assign(reply, { rss: process.memoryUsage.rss(), peak_rss: peakRssBytes(), cpu_us: user + system });
  reply.deaf = database?.isDeaf ?? false;
  await Bun.write(Bun.stdout, `${JSON.stringify(reply)}\n`);
}

// The parent is named: when this process reads its own ppid, the parent may have been killed.
const [results, parent] = process.argv.slice(2);
if (import.meta.main && results !== undefined) {
  // The parent stops it: with SIGKILL, or by its own end.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => {});
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of Bun.stdin.stream()) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) void handle(JSON.parse(line) as Request);
  }
  // The parent was killed, and its run with it.
  noteDied(results, Number(parent));
  process.exit(0);
}

function noteDied(path: string, pid: number): void {
  const store = new Results(path);
  store.noteDied(pid);
  store.close();
}
