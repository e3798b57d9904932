/** The batch's windows that are in the archive only: each question starts a `query`, once per run. */
import { isoFromUs } from "../../scripts/base/iso.ts";
import type { Bar } from "../../scripts/contract/page-events.ts";
import OLDER from "../../sql/page/export_older.sql" with { type: "text" };
import { queryArchive } from "../model/archive-query.ts";
import { barsOfRows, isOfMinutes } from "../model/chart-batch.ts";
import { CHART_ANSWER_WINDOWS_MAX } from "../model/chart-stream.ts";
import type { UsSpan } from "../model/kept-bars.ts";
import { NewestUsed } from "../model/newest-used.ts";
import { lastDone } from "../model/runs.ts";
import type { Selection } from "../model/selection.ts";
import type { Sources } from "../model/sources.ts";

/** Answers that are kept until the next run: about 1 MB each. */
const KEPT_MAX = 16;

/** By start; `is_cut`: the span has more, before the first. */
interface OlderWindows {
  batch: Bar[];
  is_cut: boolean;
}

export class OlderAnswers {
  readonly #closing = new AbortController();
  #kept = new NewestUsed<string, Promise<OlderWindows>>(KEPT_MAX);
  #run_id = 0;

  constructor(private readonly sources: Sources) {}

  /**
   * The newest CHART_ANSWER_WINDOWS_MAX windows that start in the span, of whole windows. Rejects as
   * `queryArchive`.
   */
  windows(selection: Selection, span: UsSpan): Promise<OlderWindows> {
    if (!isOfMinutes(this.sources, selection) || span.from_us >= span.to_us)
      return Promise.resolve({ batch: [], is_cut: false });
    const run_id = lastDone(this.sources)?.run_id ?? 0;
    if (run_id !== this.#run_id) this.#kept = new NewestUsed(KEPT_MAX);
    this.#run_id = run_id;
    const key = JSON.stringify([selection.product, selection.size.us, span.from_us, span.to_us]);
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const found = this.#query(selection, span);
    this.#kept.set(key, found);
    const kept = this.#kept;
    found.catch(() => kept.delete(key));
    return found;
  }

  /** Ends all that run. */
  close(): void {
    this.#closing.abort();
  }

  async #query({ product, size }: Selection, { from_us, to_us }: UsSpan): Promise<OlderWindows> {
    const sql = OLDER.replaceAll("60000000", String(size.us));
    const limit = CHART_ANSWER_WINDOWS_MAX + 1;
    const flags = { product, from: isoFromUs(from_us), to: isoFromUs(to_us), limit: String(limit) };
    const { signal } = this.#closing;
    const bars = barsOfRows(await queryArchive(this.sources.paths, { flags, sql, signal }));
    const is_cut = bars.length === limit;
    return { batch: is_cut ? bars.slice(1) : bars, is_cut };
  }
}
