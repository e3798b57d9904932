/** One SELECT over the archive, in a process of its own: DuckDB is never in this one. */
import { resolve } from "node:path";
import type { DataPaths } from "../../scripts/base/data-dir.ts";
import { TidemarkError } from "../../scripts/base/errors.ts";
import { LIMITED_VARIABLE, spawnScript } from "../../scripts/base/process.ts";
import type { Row } from "../../scripts/contract/results.ts";

const QUERY = resolve(import.meta.dir, "../../scripts/query.ts");
/** Twenty times what one takes; then its process is killed. */
const QUERY_MS_MAX = 10_000;
/** Questions at once, each a process with DuckDB of 110 MB; and those that wait for their turn. */
const RUNNING_MAX = 2;
const WAITING_MAX = 20;
const running = new Set<Promise<Row[]>>();
let waiting = 0;

/**
 * Rows of a SELECT, or of the metric `flags.metric`; the other flags are those of `query` by name.
 * Rejects with QUERY: what DuckDB reports, or that too many wait.
 */
export async function queryArchive(paths: DataPaths, flags: Record<string, string>, sql?: string): Promise<Row[]> {
  if (waiting >= WAITING_MAX)
    throw new TidemarkError("QUERY", `${WAITING_MAX} queries of the archive are waiting already.`, "Try again.");
  waiting++;
  while (running.size >= RUNNING_MAX) await Promise.race(running).catch(() => {});
  waiting--;
  const asked = query(paths, flags, sql);
  running.add(asked);
  return asked.finally(() => running.delete(asked));
}

async function query(paths: DataPaths, flags: Record<string, string>, sql?: string): Promise<Row[]> {
  const named = Object.entries({ ...flags, format: "json" }).map(([name, value]) => `--${name}=${value}`);
  const args = ["--data", paths.root, ...named, ...(sql === undefined ? [] : ["--", sql])];
  const child = spawnScript(QUERY, args, {
    stdin: "lifeline",
    stdout: "pipe",
    stderr: "keep",
    ms_max: QUERY_MS_MAX,
    // Our own SQL needs no second process with a memory limit.
    env: { [LIMITED_VARIABLE]: String(process.pid) },
  });
  const [text, { code, stderr }] = await Promise.all([new Response(child.stdout).text(), child.ended]);
  if (code !== 0)
    throw new TidemarkError("QUERY", /error: (.*)/.exec(stderr)?.[1] ?? "The query of the archive was stopped.");
  return JSON.parse(text) as Row[];
}
