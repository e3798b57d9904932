/** /api/chart and /api/chart/older: both pipelines' windows as the main chart draws them. */
import type { Context } from "hono";
import { parameters, rangeOf, selectionOf, timeOf } from "../http/query-string.ts";
import { unhurried } from "../http/unhurried.ts";
import { alignedSpan, chartAnswer, spanOfRange } from "../model/chart.ts";
import type { UsSpan } from "../model/kept-bars.ts";
import { choices, type Selection } from "../model/selection.ts";
import type { Sources } from "../model/sources.ts";
import { OlderAnswers } from "./older-windows.ts";

const NAMES = ["product", "window", "range", "from", "to"] as const;

export class Charts {
  readonly #older: OlderAnswers;

  constructor(private readonly sources: Sources) {
    this.#older = new OlderAnswers(sources);
  }

  /** The span from `from` to `to`; without one of them, of the range's length or to the newest window. */
  answer = (c: Context): Response => {
    const { sources } = this;
    return c.json(
      sources.atOneCommit(() => {
        const { selection, span } = this.#asked(c);
        return chartAnswer(sources, selection, span);
      }),
    );
  };

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
