/** /api/chart and /api/chart/older: both pipelines' windows as the main chart draws them. */
import type { Context } from "hono";
import { SharedJson } from "../http/compress.ts";
import { parameters, rangeOf, selectionOf, timeOf } from "../http/query-string.ts";
import { unhurried } from "../http/unhurried.ts";
import { alignedSpan, chartJson, spanOfRange } from "../model/chart.ts";
import type { UsSpan } from "../model/kept-bars.ts";
import { NewestUsed } from "../model/newest-used.ts";
import { choices, type Selection } from "../model/selection.ts";
import type { Sources } from "../model/sources.ts";
import { OlderAnswers } from "./older-windows.ts";

/** Charts of one commit that are kept: the largest has 2 MB. */
const SHARED_MAX = 16;
const NAMES = ["product", "window", "range", "from", "to"] as const;

export class Charts {
  readonly #older: OlderAnswers;
  readonly #shared = new NewestUsed<string, SharedJson>(SHARED_MAX);
  #commit = "";

  constructor(private readonly sources: Sources) {
    this.#older = new OlderAnswers(sources);
  }

  /** The span from `from` to `to`; without one of them, of the range's length or to the newest window. */
  answer = (c: Context): Response => this.sources.atOneCommit(() => this.#answer(c));

  #answer(c: Context): Response {
    const { selection, span } = this.#asked(c);
    return this.#sharedOf(selection, span).answer(c);
  }

  /** The batch's windows of the same span, from the archive. */
  older = async (c: Context): Promise<Response> => {
    const { selection, span } = this.#asked(c);
    const whole = alignedSpan(this.sources, selection, span);
    if (c.req.method === "HEAD") return c.json({});
    unhurried(c);
    const { product, size } = selection;
    const shown = { product, window: size.name, from_s: whole.from_us / 1e6, to_s: whole.to_us / 1e6 };
    return c.json({ ...shown, ...(await this.#older.windows(selection, whole)) });
  };

  /** Once per commit of each file: a page continues with the events after the commit that it got. */
  #sharedOf(selection: Selection, span: UsSpan): SharedJson {
    const { windows, ticks, results } = this.sources;
    const commit = [windows, ticks, results].map(({ epoch, version }) => `${epoch}.${version}`).join(" ");
    if (commit !== this.#commit) this.#shared.clear();
    this.#commit = commit;
    const key = `${span.from_us} ${span.to_us} ${selection.size.us} ${selection.product}`;
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const made = new SharedJson(chartJson(this.sources, selection, span));
    this.#shared.set(key, made);
    return made;
  }

  close(): void {
    this.#older.close();
  }

  #asked(c: Context): { selection: Selection; span: UsSpan } {
    const given = parameters(c, NAMES);
    const { sources } = this;
    const selection = selectionOf(given, choices(sources));
    const [from_us, to_us] = [timeOf("from", given.from), timeOf("to", given.to)];
    const range = spanOfRange(sources, selection, rangeOf(given.range));
    const end_us = to_us ?? range.to_us;
    return { selection, span: { from_us: from_us ?? end_us - (range.to_us - range.from_us), to_us: end_us } };
  }
}
