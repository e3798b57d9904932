/** /api/chart: both pipelines' windows as the main chart draws them. */
import type { Context } from "hono";
import { parameters, rangeOf, selectionOf, timeOf } from "../http/query-string.ts";
import { chartAnswer, spanOfRange } from "../model/chart.ts";
import { choices } from "../model/selection.ts";
import type { Sources } from "../model/sources.ts";

export class Charts {
  constructor(private readonly sources: Sources) {}

  /** The span from `from` to `to`; without one of them, of the range's length or to the newest window. */
  answer = (c: Context): Response => {
    const given = parameters(c, ["product", "window", "range", "from", "to"]);
    const { sources } = this;
    const selection = selectionOf(given, choices(sources));
    const [from_us, to_us] = [timeOf("from", given.from), timeOf("to", given.to)];
    const range = spanOfRange(sources, selection, rangeOf(given.range));
    const length_us = range.to_us - range.from_us;
    const end_us = to_us ?? range.to_us;
    return c.json(chartAnswer(sources, selection, { from_us: from_us ?? end_us - length_us, to_us: end_us }));
  };
}
