/** The JSON answers, one method per path. */
import type { Context } from "hono";
import { TidemarkError } from "../../scripts/base/errors.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import type { RunRow } from "../../scripts/contract/results.ts";
import { Problem } from "../http/problem.ts";
import { limitOf, parameters, productOf, selectionOf, shareOf, sizeOf, timeOf } from "../http/query-string.ts";
import { comparison } from "../model/comparison.ts";
import { latenessPrice } from "../model/lateness-price.ts";
import { agreements } from "../model/reconciliation.ts";
import { agreement } from "../model/runs.ts";
import { choices } from "../model/selection.ts";
import type { Sources } from "../model/sources.ts";
import { complaints, notes, status } from "../model/status.ts";
import { windows } from "../model/windows.ts";

const WINDOWS_DEFAULT = 100;

export class Api {
  constructor(private readonly sources: Sources) {}

  /** 503 with `problems` when one stops the path, else 200; `notes` need attention in either case. */
  health = async (c: Context): Promise<Response> => {
    parameters(c, []);
    const state = await status(this.sources);
    const problems = complaints(state);
    const healthy = problems.length === 0;
    return c.json({ healthy, problems, notes: notes(state), mode: state.mode }, healthy ? 200 : 503, {
      "Cache-Control": "no-store",
    });
  };

  status = async (c: Context): Promise<Response> => {
    parameters(c, []);
    const { feed, last_run, stages, problems, ...state } = await status(this.sources);
    const shown = stages.map(({ alive_us, started_us, progress_us, ended, ...stage }) => stage);
    return c.json({
      ...state,
      stages: shown,
      last_run: last_run && shownRun(last_run),
      problems: problems.map(({ since_us, ...one }) => ({ ...one, since: since_us > 0 ? isoFromUs(since_us) : null })),
    });
  };

  windows = (c: Context): Response => {
    const given = parameters(c, ["product", "window", "from", "to", "limit"]);
    const query = {
      product: productOf(given.product),
      size_us: sizeOf(given.window),
      from_us: timeOf("from", given.from),
      to_us: timeOf("to", given.to),
      limit: limitOf(given.limit, WINDOWS_DEFAULT),
    };
    return c.json(windows(this.sources, query));
  };

  /** Counts and list are of one commit. */
  reconciliation = (c: Context): Response => this.sources.atOneCommit(() => this.#reconciliation(c));

  #reconciliation(c: Context): Response {
    parameters(c, []);
    const counts = agreement(this.sources);
    const result = this.sources.metrics.get("reconciliation");
    const error = result?.error ?? null;
    if (counts === null && error !== null)
      throw new Problem(404, "METRIC", error, "Correct the file: the next batch run compares.");
    if (counts === null)
      throw new Problem(
        404,
        "NO_DATA",
        "No reconciliation has run yet.",
        "It runs with the first batch: bun run batch.",
      );
    const { compared, equal, explained, unexplained, pending, run_id } = counts;
    const differences = (result?.rows ?? []).filter((row) => row.outcome !== "equal");
    return c.json({
      run_id,
      compared,
      equal,
      explained,
      unexplained,
      pending,
      agreement: compared === 0 ? null : equal / compared,
      of: agreements(this.sources),
      differences,
      error,
    });
  }

  lateness = (c: Context): Response => {
    const given = parameters(c, ["product", "window", "want"]);
    const query = {
      product: productOf(given.product),
      size_us: sizeOf(given.window),
      want: shareOf("want", given.want),
    };
    try {
      return c.json(latenessPrice(this.sources, query));
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== "NO_DATA") throw error;
      throw new Problem(404, "NO_DATA", error.message, error.hint);
    }
  };

  comparison = async (c: Context): Promise<Response> => {
    const selection = selectionOf(parameters(c, ["product", "window"]), choices(this.sources));
    const state = await status(this.sources);
    const words = comparison(this.sources, selection, state);
    return c.json({ mode: state.mode, product: selection.product, window: selection.size.name, words });
  };
}

function shownRun({ started_us, ended_us, newest_time_us, ...run }: RunRow) {
  const iso = (us: number | null) => (us === null ? null : isoFromUs(us));
  return { ...run, started_at: isoFromUs(started_us), ended_at: iso(ended_us), newest_time: iso(newest_time_us) };
}
