/** /openapi.json is true: paths, parameters and answers are those that the server has. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { DESCRIBED } from "../../../web/answers/openapi.ts";
import { openApi } from "../../../web/http/openapi-document.ts";
import { PARAMETERS } from "../../../web/http/query-string.ts";
import { PATHS } from "../../../web/server.ts";
import { ROOT, troubledLines } from "../../support/data.ts";
import { type Served, served } from "../../support/served.ts";

let server: Served;
beforeAll(async () => {
  server = await served(troubledLines(1_000));
}, 120_000);
afterAll(() => server[Symbol.asyncDispose]());

/** Values of the parts of a path. */
const SAMPLES: Record<string, string> = {
  "/metric/:name": "/metric/summary_by_product",
  "/api/metrics/:name": "/api/metrics/market_summary",
  "/api/explain/:id": "/api/explain/BTC-USD@2023-09-05T16:00%2F1m",
  "/window/:start/:size": "/window/BTC-USD@2023-09-05T16:00/1m",
  "/export/:file": "/export/ticks.csv",
  "/export/metrics/:file": "/export/metrics/market_summary.csv",
};
const sample = (path: string) => SAMPLES[path] ?? path;
/** Those whose answer is a file of the program, by its content's hash. */
const paths = Object.entries(DESCRIBED).filter(([path]) => path !== "/static/:hash/:name");
/** Answers of a process of their own: a HEAD checks each parameter without it, one GET all of them. */
const isAsked = (path: string) => path.startsWith("/export/") || path === "/api/chart/older";
const get = (path: string, method = "GET") => fetch(`${server.url}${path}`, { method, headers: { Accept: "*/*" } });

test("every path of the server is described, and no other", () => {
  expect(Object.keys(DESCRIBED).sort()).toEqual([...PATHS].sort());
  for (const [path, one] of Object.entries(DESCRIBED))
    expect([path, Object.keys(one.path ?? {})]).toEqual([path, [...path.matchAll(/:(\w+)/g)].map(([, name]) => name!)]);
});

test("each path takes the described parameters, and refuses others by name", async () => {
  for (const [path, { query = [] }] of paths) {
    const answer = await get(`${sample(path)}?nothing=1`);
    const { hint } = (await answer.json()).error;
    const valid = /^Valid: (.*)\.$/.exec(hint)?.[1]?.split(", ") ?? [];
    expect([path, answer.status, valid.sort()]).toEqual([path, 400, [...query].sort()]);
  }
});

test("each parameter's example is taken, and what its schema refuses is a 400 with its name", async () => {
  const wrong: Record<string, string> = {
    product: "x".repeat(65),
    window: "7",
    want: "some",
    limit: "0",
    last: "1e9",
    range: "2h",
    pause: "yes",
    zone: "Berlin",
    view: "tall",
  };
  for (const [path, { query = [] }] of paths) {
    for (const name of query) {
      const bad = await get(`${sample(path)}?${name}=${wrong[name] ?? "2023-02-31"}`);
      expect([path, name, bad.status]).toEqual([path, name, 400]);
      expect((await bad.json()).error.message).toStartWith(`${name} is "`);
      if (path === "/events") continue;
      const example = String(PARAMETERS[name].meta()?.example);
      // A page's from and to belong together.
      const pair = name === "from" || name === "to" ? "from=2023-09-05T16:00:00Z&to=2023-09-05T17:00:00Z" : "";
      const method = isAsked(path) ? "HEAD" : "GET";
      const good = await get(`${sample(path)}?${pair || `${name}=${encodeURIComponent(example)}`}`, method);
      await good.body?.cancel();
      expect([path, name, good.status]).toEqual([path, name, 200]);
    }
    if (!isAsked(path)) continue;
    const all = new URLSearchParams(query.map((name) => [name, String(PARAMETERS[name].meta()?.example)]));
    const answer = await get(`${sample(path)}?${all}`);
    expect([path, answer.status, (await answer.text()).length > 10]).toEqual([path, 200, true]);
  }
}, 120_000);

test("each answer has the described type and form", async () => {
  for (const [path, { types, answer }] of paths) {
    const given = await get(sample(path));
    const type = given.headers.get("content-type")!.split(";")[0]!;
    expect([path, types.includes(type)]).toEqual([path, true]);
    if (path === "/events") await given.body?.cancel();
    else if (answer !== undefined)
      expect([path, answer.safeParse(await given.json()).error]).toEqual([path, undefined]);
  }
});

test("the served document is the description: unique names, references that lead somewhere, schemas that zod reads", async () => {
  const document = await (await get("/openapi.json")).json();
  expect(document).toEqual(JSON.parse(JSON.stringify(openApi(DESCRIBED, ""))));
  expect(document.openapi).toStartWith("3.1.");
  const operations = Object.entries<{ get: Record<string, unknown> }>(document.paths).map(([path, { get }]) => {
    return { path, ...(get as { operationId: string; parameters: { name: string; in: string; schema: object }[] }) };
  });
  const ids = operations.map(({ operationId }) => operationId);
  expect(ids).toEqual([...new Set(ids)]);
  for (const { path, parameters } of operations) {
    const inPath = parameters.filter((one) => one.in === "path").map(({ name }) => `{${name}}`);
    expect([path, inPath]).toEqual([path, path.match(/\{\w+\}/g) ?? []]);
    for (const { schema } of parameters) expect(() => z.fromJSONSchema(schema as never)).not.toThrow();
  }
  for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g))
    expect(document.components.schemas).toHaveProperty(name!);
  expect(openApi(DESCRIBED, "/tidemark")).toMatchObject({ servers: [{ url: "/tidemark" }] });
});

test("docs/http.md explains every parameter, and no other", () => {
  const doc = readFileSync(join(ROOT, "docs/http.md"), "utf8");
  const table = /^\| parameter \| value \|\n([\s\S]*?)\n\n/m.exec(doc)![1]!;
  const listed = [...table.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, names]) => names!.match(/\w+/g)!);
  expect(listed.sort()).toEqual(Object.keys(PARAMETERS).sort());
});
