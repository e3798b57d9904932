/** The static files, a fixed list read at the start; none comes from another host. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Context } from "hono";
import { Problem } from "./problem.ts";

const PUBLIC = resolve(import.meta.dir, "../public");

/** Path of each file; those of packages are served unchanged. */
const FILES: Record<string, string> = {
  "htmx.min.js": Bun.resolveSync("htmx.org/dist/htmx.min.js", import.meta.dir),
  "hx-sse.min.js": Bun.resolveSync("htmx.org/dist/ext/hx-sse.min.js", import.meta.dir),
  "uPlot.iife.min.js": Bun.resolveSync("uplot/dist/uPlot.iife.min.js", import.meta.dir),
  "uPlot.min.css": Bun.resolveSync("uplot/dist/uPlot.min.css", import.meta.dir),
  ...Object.fromEntries(
    ["style.css", "theme.js", "chart-layout.js", "charts.js", "app.js", "icon.svg"].map((name) => [
      name,
      resolve(PUBLIC, name),
    ]),
  ),
};
const TYPES: Record<string, string> = { js: "text/javascript", css: "text/css", svg: "image/svg+xml" };

/** Serves each file under a name with its hash, so that a browser may keep it forever. */
export class Assets {
  readonly #known = new Map<string, { bytes: Uint8Array<ArrayBuffer>; gzip: Uint8Array<ArrayBuffer>; type: string }>();
  readonly #addresses = new Map<string, string>();

  constructor() {
    for (const [name, path] of Object.entries(FILES)) {
      const bytes = new Uint8Array(readFileSync(path));
      const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
      this.#known.set(`${hash}/${name}`, { bytes, gzip: Bun.gzipSync(bytes), type: TYPES[name.split(".").at(-1)!]! });
      this.#addresses.set(name, `/static/${hash}/${name}`);
    }
  }

  /** The address of a file by its plain name. */
  address = (name: string): string => this.#addresses.get(name) ?? "/static/unknown";

  answer = (c: Context): Response => {
    const found = this.#known.get(`${c.req.param("hash")}/${c.req.param("name")}`);
    if (!found)
      throw new Problem(404, "USAGE", "There is no such file.", "Reload the page: addresses change with an update.");
    const zipped = /\bgzip\b/.test(c.req.header("accept-encoding") ?? "");
    return c.body(zipped ? found.gzip : found.bytes, 200, {
      "Content-Type": `${found.type}; charset=utf-8`,
      "Cache-Control": "public, max-age=31536000, immutable",
      Vary: "Accept-Encoding",
      ...(zipped ? { "Content-Encoding": "gzip" } : {}),
    });
  };
}
