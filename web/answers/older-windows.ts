/** The batch's windows that are in the archive only: each question starts a `query`, once per run. */
import { resolve } from "node:path";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { LIMITED_VARIABLE, type Spawned, spawnScript } from "../../scripts/base/process.ts";
import type { Bar } from "../../scripts/contract/page-events.ts";
import type { Row } from "../../scripts/contract/results.ts";
import OLDER from "../../sql/page/export_older.sql" with { type: "text" };
import { Problem } from "../http/problem.ts";
import { barsOfRows, isOfMinutes } from "../model/chart-batch.ts";
import { CHART_ANSWER_WINDOWS_MAX } from "../model/chart-stream.ts";
import type { UsSpan } from "../model/kept-bars.ts";
import { lastDone } from "../model/runs.ts";
import type { Selection } from "../model/selection.ts";
import type { Sources } from "../model/sources.ts";

const QUERY = resolve(import.meta.dir, "../../scripts/query.ts");
/** Questions at once, each a process with DuckDB of 110 MB. */
const RUNNING_MAX = 2;
/** Answers that are kept until the next run: about 1 MB each. */
const KEPT_MAX = 16;
/** Twenty times what one takes; then its process is killed. */
const OLDER_MS_MAX = 10_000;

/** By start; `is_cut`: the span has more, before the first. */
interface OlderWindows {
  batch: Bar[];
  is_cut: boolean;
}

export class OlderAnswers {
  readonly #running = new Set<Spawned>();
  #kept = new Map<string, Promise<OlderWindows>>();
  #run_id = 0;

  constructor(private readonly sources: Sources) {}

  /**
   * The newest CHART_ANSWER_WINDOWS_MAX windows that start in the span, of whole windows. Rejects with
   * 503 BUSY when too many questions run, with QUERY when the archive can't be read.
   */
  windows(selection: Selection, span: UsSpan): Promise<OlderWindows> {
    if (!isOfMinutes(this.sources, selection) || span.from_us >= span.to_us)
      return Promise.resolve({ batch: [], is_cut: false });
    const run_id = lastDone(this.sources)?.run_id ?? 0;
    if (run_id !== this.#run_id) this.#kept = new Map();
    this.#run_id = run_id;
    const key = JSON.stringify([selection.product, selection.size.us, span.from_us, span.to_us]);
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    if (this.#running.size >= RUNNING_MAX)
      throw new Problem(503, "BUSY", `${RUNNING_MAX} queries of the archive are running already.`, "Try again.", {
        "Retry-After": "1",
      });
    const found = this.#query(selection, span);
    this.#kept.set(key, found);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_MAX) break;
      this.#kept.delete(oldest);
    }
    const kept = this.#kept;
    found.catch(() => kept.delete(key));
    return found;
  }

  /** Ends all that run. */
  close(): void {
    for (const child of this.#running) child.kill("SIGTERM");
  }

  async #query({ product, size }: Selection, { from_us, to_us }: UsSpan): Promise<OlderWindows> {
    const sql = OLDER.replaceAll("60000000", String(size.us));
    const limit = CHART_ANSWER_WINDOWS_MAX + 1;
    const flags = { product, from: isoFromUs(from_us), to: isoFromUs(to_us), limit, format: "json" };
    const named = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    const child = spawnScript(QUERY, ["--data", this.sources.paths.root, ...named, "--", sql], {
      stdin: "lifeline",
      stdout: "pipe",
      stderr: "keep",
      ms_max: OLDER_MS_MAX,
      env: { [LIMITED_VARIABLE]: String(process.pid) },
    });
    this.#running.add(child);
    try {
      const [text, { code, stderr }] = await Promise.all([new Response(child.stdout).text(), child.ended]);
      if (code !== 0) throw new Problem(503, "QUERY", /error: (.*)/.exec(stderr)?.[1] ?? "The query was stopped.");
      const bars = barsOfRows(JSON.parse(text) as Row[]);
      const is_cut = bars.length === limit;
      return { batch: is_cut ? bars.slice(1) : bars, is_cut };
    } finally {
      this.#running.delete(child);
    }
  }
}
