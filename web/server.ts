/** The page and the API: every path in one table, each with the function that answers it. */
import { type Context, Hono } from "hono";
import { getPath } from "hono/utils/url";
import { monotonicMs } from "../scripts/base/clock.ts";
import type { DataPaths } from "../scripts/base/data-dir.ts";
import { REQUEST_BYTES_MAX } from "../scripts/base/limits.ts";
import type { Logger } from "../scripts/base/logger.ts";
import { listenError } from "../scripts/base/port.ts";
import { printableLines } from "../scripts/base/printable.ts";
import { PAGE_PARAMETERS } from "../scripts/contract/page-address.ts";
import type { Prices } from "../scripts/contract/prices.ts";
import { Api } from "./answers/api.ts";
import { Charts } from "./answers/chart-answer.ts";
import { EventHub } from "./answers/events.ts";
import { Explain } from "./answers/explain-answer.ts";
import { Exports } from "./answers/export.ts";
import { MetricAnswers } from "./answers/metric-answer.ts";
import { openApiAnswer } from "./answers/openapi.ts";
import { answerProblem } from "./answers/problem-answer.ts";
import { SharedAnswers } from "./answers/shared-answers.ts";
import { Telemetry } from "./answers/telemetry.ts";
import { Updates } from "./answers/updates.ts";
import { Assets } from "./http/assets.ts";
import { underBase, withoutBase } from "./http/base-path.ts";
import { compressed } from "./http/compress.ts";
import { headers, ownHost, readOnly } from "./http/guard.ts";
import { pageAddress } from "./http/page-query.ts";
import { Problem, problemOf } from "./http/problem.ts";
import { parameters, selectionOf } from "./http/query-string.ts";
import type { LogView } from "./model/log-view.ts";
import { choices } from "./model/selection.ts";
import { Sources } from "./model/sources.ts";
import { Page } from "./pages/page.tsx";

export interface ServeOptions {
  host: string;
  /** 0 takes any free one. */
  port: number;
  log: LogView;
  logger: Logger;
  prices?: Prices | null;
  /** Host names besides our own that are answered for. */
  allowed?: readonly string[];
  /** The path under which a proxy shows the page, for example `/tidemark`; default: the root. */
  base?: string;
}

export interface Served {
  url: string;
  /** Settled when the page's scripts are bundled, for which answers wait; rejects with a sentence. */
  ready: Promise<void>;
  stop(): Promise<void>;
}

/** Every path, for the server and for docs/http.md. */
export const PATHS = [
  "/",
  "/healthz",
  "/api/status",
  "/api/windows",
  "/api/chart",
  "/api/chart/older",
  "/metric/:name",
  "/api/metrics/:name",
  "/api/reconciliation",
  "/api/comparison",
  "/api/lateness",
  "/api/explain/:id",
  "/window/:start/:size",
  "/events",
  "/export/:file",
  "/export/metrics/:file",
  "/metrics",
  "/openapi.json",
  "/static/:hash/:name",
] as const;

/** Over a long history the first page takes 0.2 s: it is made this long after the start. */
const FIRST_PAGE_MS = 500;
/** A windows.db of this size has 100,000 windows. */
const LONG_BYTES = 64e6;
/** Interval at which the cost's meter is asked whether a new slice has begun. */
const METER_MS = 1_000;

/** Starts to listen. Fails with PORT_IN_USE. */
export function serve(paths: DataPaths, options: ServeOptions): Served {
  const sources = new Sources(paths, options.log, options.prices ?? null);
  const metering = setInterval(() => sources.meter.note(0), METER_MS);
  const updates = new Updates(sources, options.base);
  const hub = new EventHub(sources, updates, options.logger);
  const exports = new Exports(sources, options.logger);
  const charts = new Charts(sources);
  const assets = new Assets();
  const metrics = new MetricAnswers(sources, assets);
  const explain = new Explain(sources, assets);
  const table = routes(sources, { hub, updates }, { exports, charts, metrics, explain }, assets, options.base ?? "");
  const app = application(table, assets, options);
  const server = listen(app, options);
  const first = setTimeout(() => {
    if (Bun.file(paths.windows).size > LONG_BYTES) makeFirst(sources, updates);
  }, FIRST_PAGE_MS);
  const port = server.port ?? options.port;
  const name = options.host === "0.0.0.0" || options.host === "::" ? "localhost" : options.host;
  return {
    url: `http://${name.includes(":") ? `[${name}]` : name}:${port}${options.base ?? ""}/`,
    ready: assets.ready,
    stop: async () => {
      clearTimeout(first);
      clearInterval(metering);
      hub.close();
      exports.close();
      charts.close();
      metrics.close();
      explain.close();
      await server.stop(true);
      sources.close();
    },
  };
}

/** What the first page reads is kept for the next ones; what it can't read the next one reports. */
function makeFirst(sources: Sources, updates: Updates): void {
  try {
    sources.leniently(() => updates.page(selectionOf({ product: null, window: null }, choices(sources))));
  } catch {}
}

type Routes = Record<(typeof PATHS)[number], (c: Context) => Response | Promise<Response>>;

/** What starts child processes for its answers. */
interface Askers {
  exports: Exports;
  charts: Charts;
  metrics: MetricAnswers;
  explain: Explain;
}

interface Live {
  hub: EventHub;
  updates: Updates;
}

function routes(sources: Sources, { hub, updates }: Live, askers: Askers, assets: Assets, base: string): Routes {
  const { exports, charts, metrics, explain } = askers;
  const api = new Api(sources);
  const telemetry = new Telemetry(sources, () => hub.clients);
  const views = new SharedAnswers<ReturnType<Updates["page"]>>();
  const page = async (c: Context) => {
    const given = parameters(c, PAGE_PARAMETERS);
    const selection = sources.leniently(() => selectionOf(given, choices(sources)));
    const address = pageAddress(given, selection);
    await sources.log.refresh();
    const html = sources.leniently(() => {
      const key = `${selection.product}/${selection.size.name}`;
      const { view, id } = views.of(key, monotonicMs(), () => updates.page(selection));
      return String(Page({ view, id, assets, address }));
    });
    return c.html(printableLines(`<!doctype html>${html}`), 200, { "Cache-Control": "no-store" });
  };
  return {
    "/": page,
    "/metric/:name": metrics.page,
    "/healthz": api.health,
    "/api/status": api.status,
    "/api/windows": api.windows,
    "/api/chart": charts.answer,
    "/api/chart/older": charts.older,
    "/api/metrics/:name": metrics.json,
    "/api/reconciliation": api.reconciliation,
    "/api/comparison": api.comparison,
    "/api/lateness": api.lateness,
    "/api/explain/:id": explain.answer,
    "/window/:start/:size": explain.page,
    "/events": hub.answer,
    "/export/:file": exports.table,
    "/export/metrics/:file": exports.metric,
    "/metrics": telemetry.answer,
    "/openapi.json": openApiAnswer(base),
    "/static/:hash/:name": assets.answer,
  };
}

function application(table: Routes, assets: Assets, options: ServeOptions): Hono {
  const { host, logger, allowed, base = "" } = options;
  const app = new Hono({ getPath: (request) => withoutBase(getPath(request), base) });
  app.use(async (_, next) => {
    await assets.ready;
    await next();
  });
  const secure = headers(() => assets.hashes);
  app.use(compressed, secure, underBase(base), ownHost(host, allowed), readOnly);
  for (const path of PATHS) app.get(path, table[path]);
  app.notFound((c) => {
    const say = `There is nothing at ${c.req.path.slice(0, 100)}.`;
    return answerProblem(c, new Problem(404, "USAGE", say, "docs/http.md lists every path."), assets);
  });
  app.onError((error, c) => {
    const problem = problemOf(error);
    if (problem.status === 500) logger.error(error, `${c.req.path} failed`);
    return answerProblem(c, problem, assets);
  });
  return app;
}

function listen(app: Hono, { host, port }: ServeOptions): Bun.Server<unknown> {
  try {
    return Bun.serve({
      hostname: host,
      port,
      maxRequestBodySize: REQUEST_BYTES_MAX,
      fetch: async (request, server) => {
        const response = await app.fetch(request, server);
        return request.method === "HEAD" ? headOnly(response) : response;
      },
    });
  } catch (error) {
    throw listenError(error, host, port);
  }
}

/** The answer without its body. It never begins: for an ended one Bun 1.4.5 sends a length of 0. */
function headOnly(response: Response): Response {
  const nothing = new ReadableStream({ pull: (controller) => controller.close() }, { highWaterMark: 0 });
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  return new Response(nothing, { status: response.status, headers });
}
