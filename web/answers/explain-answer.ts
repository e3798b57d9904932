/** One window, as a page and as JSON: both from web/model/window-detail.ts. */
import type { Context } from "hono";
import { TidemarkError } from "../../scripts/base/errors.ts";
import { printableLines } from "../../scripts/base/printable.ts";
import type { WindowDetail } from "../../scripts/contract/window-explained.ts";
import { Problem } from "../http/problem.ts";
import { limitOf, parameters, ticksOf, timeOf } from "../http/query-string.ts";
import { unhurried } from "../http/unhurried.ts";
import type { Sources } from "../model/sources.ts";
import { type DetailOptions, windowDetail } from "../model/window-detail.ts";
import { parseWindowId } from "../model/window-id.ts";
import type { StaticFiles } from "../pages/layout.tsx";
import { WindowPage } from "../pages/one-window.tsx";

/** Ticks of one answer: by default, and with `ticks=all` (10 MB), which the browser computes in 1 s. */
const TICKS_DEFAULT = 1_000;
const TICKS_MAX = 50_000;
/** Rows of the page's table of ticks. */
const PAGE_TICKS = 200;

export class Explain {
  readonly #closing = new AbortController();

  constructor(
    private readonly sources: Sources,
    private readonly assets: StaticFiles,
  ) {}

  /** Ends every question of the archive. */
  close(): void {
    this.#closing.abort();
  }

  /** Waits for the archive if ticks were pruned. */
  answer = async (c: Context): Promise<Response> => {
    const given = parameters(c, ["as_of", "ticks", "limit"]);
    const limit = ticksOf(given.ticks) === "all" ? TICKS_MAX : limitOf(given.limit, TICKS_DEFAULT);
    const as_of_us = timeOf("as_of", given.as_of);
    const archive = c.req.method !== "HEAD";
    return c.json(await this.#detail(c, c.req.param("id") ?? "", { as_of_us, limit, archive }));
  };

  /** Without `ticks=wait` the archive is left out: the page then asks for itself again. */
  page = async (c: Context): Promise<Response> => {
    const given = parameters(c, ["as_of", "ticks"]);
    const archive = ticksOf(given.ticks) !== null && c.req.method !== "HEAD";
    const as_of_us = timeOf("as_of", given.as_of);
    const id = `${c.req.param("start")}/${c.req.param("size")}`;
    const detail = await this.#detail(c, id, { as_of_us, limit: PAGE_TICKS, archive });
    const html = WindowPage({ detail, kind: this.sources.kind, assets: this.assets });
    return c.html(printableLines(`<!doctype html>${html}`), 200, { "Cache-Control": "no-store" });
  };

  async #detail(c: Context, id: string, options: DetailOptions): Promise<WindowDetail> {
    if (options.archive) unhurried(c);
    const signal = AbortSignal.any([c.req.raw.signal, this.#closing.signal]);
    try {
      return await windowDetail(this.sources, parseWindowId(id), { ...options, signal });
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== "NO_DATA") throw error;
      throw new Problem(404, "NO_DATA", error.message, error.hint);
    }
  }
}
