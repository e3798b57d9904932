/** One SELECT over the archive, in a process of its own: DuckDB is never in this one. */
import { resolve } from "node:path";
import type { DataPaths } from "../../scripts/base/data-dir.ts";
import { TidemarkError } from "../../scripts/base/errors.ts";
import { LIMITED_VARIABLE, spawnScript } from "../../scripts/base/process.ts";
import { onAbort } from "../../scripts/base/wait.ts";
import type { Row } from "../../scripts/contract/results.ts";
import { Turns } from "./turns.ts";

const QUERY = resolve(import.meta.dir, "../../scripts/query.ts");
/** A hundred times what one takes: a busy machine must not end it. Then its process is killed. */
const QUERY_MS_MAX = 60_000;
/** Questions at once, each a process with DuckDB of 110 MB; and those that wait for their turn. */
const RUNNING_MAX = 2;
const WAITING_MAX = 4;
const STOPPED = "The query of the archive was stopped.";
const NEVER = new AbortController().signal;
const turns = new Turns({
  running_max: RUNNING_MAX,
  waiting_max: WAITING_MAX,
  busy: `${RUNNING_MAX + WAITING_MAX} queries of the archive are asked for already.`,
  hint: "Try again.",
  stopped: STOPPED,
});

interface ArchiveQuery {
  /** Of `query`, by name; `metric`: that metric's SQL. */
  flags: Record<string, string>;
  sql?: string;
  /** Ends its process, or its wait. */
  signal?: AbortSignal;
}

/** Rejects with QUERY: what DuckDB reports, or as BusyError. */
export function queryArchive(paths: DataPaths, asked: ArchiveQuery): Promise<Row[]> {
  const { signal = NEVER } = asked;
  return turns.take(signal, () => query(paths, asked, signal));
}

async function query(paths: DataPaths, { flags, sql }: ArchiveQuery, signal: AbortSignal): Promise<Row[]> {
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
  const forget = onAbort(signal, () => child.kill("SIGTERM"));
  try {
    const [text, { code, stderr }] = await Promise.all([new Response(child.stdout).text(), child.ended]);
    if (code !== 0) throw new TidemarkError("QUERY", /error: (.*)/.exec(stderr)?.[1] ?? STOPPED);
    return JSON.parse(text) as Row[];
  } finally {
    forget();
  }
}
