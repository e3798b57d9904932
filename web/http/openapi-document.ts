/** An OpenAPI document of described paths, made from the schemas that validate their parameters. */
import { z } from "zod";
import packageJson from "../../package.json" with { type: "json" };
import { PARAMETERS } from "./query-string.ts";

type Parameter = keyof typeof PARAMETERS;

/** A path as the server's table has it. */
export interface Described {
  summary: string;
  query?: readonly Parameter[];
  /** What each `:name` of the path is. */
  path?: Record<string, string>;
  /** Media types of the answer with 200. */
  types: readonly string[];
  /** The JSON of the answer with 200. */
  answer?: z.ZodType;
  /** Further statuses besides 200, 405, 421 and 500; 400 is one wherever there can be a wrong value. */
  refusals?: readonly (404 | 503)[];
}

const REFUSAL = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string() }),
});

const REFUSALS: Record<number, string> = {
  400: "a parameter is unknown, repeated or not valid",
  404: "there is nothing of that name or size",
  405: "only GET and HEAD are allowed",
  421: "the Host header names another server",
  503: "the data can't be read now, or too many exports, downloads or pages are open",
};

/** OpenAPI 3.1 of the paths. `base`: the path under which a proxy shows the server. */
export function openApi(described: Record<string, Described>, base: string): Record<string, unknown> {
  const paths = Object.entries(described).map(([path, one]) => {
    return [path.replaceAll(/:(\w+)/g, "{$1}"), { get: operation(path, one) }] as const;
  });
  return {
    openapi: "3.1.0",
    info: { title: "Tidemark", version: packageJson.version, description: packageJson.description },
    servers: [{ url: base || "/" }],
    paths: Object.fromEntries(paths),
    components: { schemas: { Refusal: jsonSchema(REFUSAL, "output") } },
  };
}

function operation(path: string, { summary, query = [], path: names = {}, types, answer, refusals = [] }: Described) {
  const inPath = Object.entries(names).map(([name, description]) => {
    return { name, in: "path", required: true, description, schema: { type: "string" } };
  });
  const inQuery = query.map((name) => {
    const { description, example, ...schema } = jsonSchema(PARAMETERS[name], "input");
    return { name, in: "query", required: false, description, example, schema };
  });
  const schema = answer === undefined ? {} : { schema: jsonSchema(answer, "output") };
  const content = Object.fromEntries(types.map((type) => [type, schema]));
  const refused = [400, 405, 421, ...refusals].map((status) => [status, refusalOf(status)] as const);
  const also = path === "/healthz" ? [["503", { description: "a stage makes no progress", content }] as const] : [];
  const responses = { 200: { description: summary, content }, ...Object.fromEntries([...refused, ...also]) };
  return { summary, operationId: idOf(path), parameters: [...inPath, ...inQuery], responses };
}

function refusalOf(status: number) {
  const content = { "application/json": { schema: { $ref: "#/components/schemas/Refusal" } } };
  return { description: REFUSALS[status], content };
}

function idOf(path: string): string {
  return path.replaceAll(/\W+/g, "_").replace(/^_|_$/g, "") || "page";
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}
