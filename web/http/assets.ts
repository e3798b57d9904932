/** The static files, a fixed list made at the start; none comes from another host. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { brotliCompressSync } from "node:zlib";
import type { Context } from "hono";
import { bundles } from "./bundles.ts";
import { Problem } from "./problem.ts";

const PUBLIC = resolve(import.meta.dir, "../public");

/** Paths of each file, whose texts are joined; those of packages are served unchanged. */
const FILES: Record<string, string[]> = {
  "style.css": [
    Bun.resolveSync("uplot/dist/uPlot.min.css", import.meta.dir),
    resolve(PUBLIC, "style.css"),
    resolve(PUBLIC, "header.css"),
    resolve(PUBLIC, "chart.css"),
    resolve(PUBLIC, "metric.css"),
    resolve(PUBLIC, "window-page.css"),
  ],
  ...Object.fromEntries(["icon.svg", "icon-stale.svg"].map((name) => [name, [resolve(PUBLIC, name)]])),
};
const TYPES: Record<string, string> = { js: "text/javascript", css: "text/css", svg: "image/svg+xml" };

type Bytes = Uint8Array<ArrayBuffer>;

interface Asset {
  bytes: Bytes;
  type: string;
  /** Made when the first browser asks for it. */
  coded: Partial<Record<Coding, Bytes>>;
}

/** The shorter one first. */
export const CODINGS = {
  br: (bytes: Bytes) => new Uint8Array(brotliCompressSync(bytes)),
  gzip: (bytes: Bytes) => Bun.gzipSync(bytes, { level: 12, library: "libdeflate" }),
};
type Coding = keyof typeof CODINGS;

/** Serves each file under a name with its hash, so that a browser may keep it forever. */
export class Assets {
  readonly #known = new Map<string, Asset>();
  readonly #addresses = new Map<string, string>();
  /** Settled when the scripts are bundled; rejects with a sentence. */
  readonly ready: Promise<void>;

  constructor() {
    for (const [name, paths] of Object.entries(FILES)) {
      const bytes = new Uint8Array(Buffer.concat(paths.map((path) => readFileSync(path))));
      this.#keep(name, bytes, hashOf(bytes));
    }
    this.ready = this.#bundle();
    // Those who wait for it get the error; a server that is stopped before has nobody who waits.
    this.ready.catch(() => {});
  }

  /** Scripts import each other by relative names, so that all of them have the hash of the whole. */
  async #bundle(): Promise<void> {
    const scripts = await bundles();
    const hash = hashOf(Buffer.from(scripts.flat().join("\n")));
    for (const [name, text] of scripts) this.#keep(name, new TextEncoder().encode(text), hash);
  }

  #keep(name: string, bytes: Bytes, hash: string): void {
    const type = TYPES[name.split(".").at(-1)!]!;
    this.#known.set(`${hash}/${name}`, { bytes, type, coded: {} });
    this.#addresses.set(name, `/static/${hash}/${name}`);
  }

  /** The address of a file by its plain name. */
  address = (name: string): string => this.#addresses.get(name) ?? "/static/unknown";

  answer = async (c: Context): Promise<Response> => {
    await this.ready;
    const found = this.#known.get(`${c.req.param("hash")}/${c.req.param("name")}`);
    if (!found)
      throw new Problem(404, "USAGE", "There is no such file.", "Reload the page: addresses change with an update.");
    const accepted = c.req.header("accept-encoding") ?? "";
    const coding = (["br", "gzip"] as const).find((name) => new RegExp(`\\b${name}\\b`).test(accepted));
    if (coding) found.coded[coding] ??= CODINGS[coding](found.bytes);
    return c.body((coding && found.coded[coding]) ?? found.bytes, 200, {
      "Content-Type": `${found.type}; charset=utf-8`,
      "Cache-Control": "public, max-age=31536000, immutable",
      Vary: "Accept-Encoding",
      ...(coding ? { "Content-Encoding": coding } : {}),
    });
  };
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 12);
}
