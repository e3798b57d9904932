/** The page and the API: every path in one table, each with the function that answers it. Reads only; listens on this machine unless told otherwise. */
import { type Context, Hono } from "hono";
import type { DataPaths } from "../scripts/base/data-dir.ts";
import { REQUEST_BYTES_MAX } from "../scripts/base/limits.ts";
import type { Logger } from "../scripts/base/logger.ts";
import { listenError } from "../scripts/base/port.ts";
import { printableLines } from "../scripts/base/printable.ts";
import { Api } from "./answers/api.ts";
import { EventHub } from "./answers/events.ts";
import { Exports } from "./answers/export.ts";
import { Telemetry } from "./answers/telemetry.ts";
import { News } from "./answers/updates.ts";
import { Assets } from "./http/assets.ts";
import { headers, ownHost, readOnly } from "./http/guard.ts";
import { answerProblem, Problem, problemOf } from "./http/problem.ts";
import { parameters, selectionOf } from "./http/query-string.ts";
import type { LogView } from "./model/log-view.ts";
import { MetricResults } from "./model/metric-results.ts";
import { Sources } from "./model/sources.ts";
import { choices, view } from "./model/view.ts";
import { Page } from "./pages/page.tsx";

export interface ServeOptions {
  host: string;
  /** 0 takes any free one. */
  port: number;
  log: LogView;
  logger: Logger;
}

export interface Served {
  url: string;
  stop(): Promise<void>;
}

/** Every path, for the server and for docs/http.md. */
export const PATHS = [
  "/",
  "/healthz",
  "/api/status",
  "/api/windows",
  "/api/metrics/:name",
  "/api/reconciliation",
  "/api/comparison",
  "/events",
  "/export/:file",
  "/export/metrics/:file",
  "/metrics",
  "/static/:hash/:name",
] as const;

/** Starts to listen; fails with PORT_IN_USE. */
export function serve(paths: DataPaths, options: ServeOptions): Served {
  const sources = new Sources(paths, options.log);
  const results = new MetricResults(sources);
  const hub = new EventHub(sources, new News(sources, results), options.logger);
  let port = options.port;
  const exports = new Exports(sources, results);
  const app = application(routes(sources, results, hub, exports), options, () => port);
  const server = listen(app, options);
  port = server.port ?? port;
  const name = options.host === "0.0.0.0" || options.host === "::" ? "localhost" : options.host;
  return {
    url: `http://${name.includes(":") ? `[${name}]` : name}:${port}/`,
    stop: async () => {
      hub.close();
      exports.close();
      await server.stop(true);
      sources.close();
    },
  };
}

type Routes = Record<(typeof PATHS)[number], (c: Context) => Response | Promise<Response>>;

function routes(sources: Sources, results: MetricResults, hub: EventHub, exports: Exports): Routes {
  const [api, assets] = [new Api(sources, results), new Assets()];
  const telemetry = new Telemetry(sources, results, () => hub.clients);
  const page = async (c: Context) => {
    const choice = sources.leniently(() => choices(sources));
    const selection = selectionOf(parameters(c, ["product", "window"]), choice);
    c.header("Cache-Control", "no-store");
    const shown = await view(sources, results, selection);
    return c.html(printableLines(`<!doctype html>${Page({ view: shown, assets: assets.address })}`));
  };
  return {
    "/": page,
    "/healthz": api.health,
    "/api/status": api.status,
    "/api/windows": api.windows,
    "/api/metrics/:name": api.metric,
    "/api/reconciliation": api.reconciliation,
    "/api/comparison": api.comparison,
    "/events": hub.answer,
    "/export/:file": (c) => {
      // Fails with its sentence where the file can't be read at all: a download that has begun can only be cut off.
      void sources.windows.db;
      return exports.table(c);
    },
    "/export/metrics/:file": exports.metric,
    "/metrics": telemetry.answer,
    "/static/:hash/:name": assets.answer,
  };
}

function application(table: Routes, { host, logger }: ServeOptions, port: () => number): Hono {
  const app = new Hono();
  app.use(headers, ownHost(host, port), readOnly);
  for (const path of PATHS) app.get(path, table[path]);
  app.notFound((c) =>
    answerProblem(
      c,
      new Problem(404, "USAGE", `There is nothing at ${c.req.path.slice(0, 100)}.`, "docs/http.md lists every path."),
    ),
  );
  app.onError((error, c) => {
    const problem = problemOf(error);
    if (problem.status === 500) logger.error(error, `${c.req.path} failed`);
    return answerProblem(c, problem);
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

/** The head of an answer; Bun says `content-length: 0` of a body that has ended (1.4.5), and nothing of one that has not begun. */
function headOnly(response: Response): Response {
  const nothing = new ReadableStream({ pull: (controller) => controller.close() }, { highWaterMark: 0 });
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  return new Response(nothing, { status: response.status, headers });
}
