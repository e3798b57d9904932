/** Static files and what is part of each page, a fixed list made at the start; none of another host. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { brotliCompress } from "node:zlib";
import type { Context } from "hono";
import { bundles } from "./bundles.ts";
import { Problem } from "./problem.ts";

const PUBLIC = resolve(import.meta.dir, "../public");

/** Joined in this order. */
const STYLES = [
  Bun.resolveSync("uplot/dist/uPlot.min.css", import.meta.dir),
  ...["style", "header", "chart", "metric", "window-page"].map((name) => resolve(PUBLIC, `${name}.css`)),
];
const ICONS = ["icon.svg", "icon-stale.svg"];
const FIRST_PAINT = "first-paint.js";
const TYPES: Record<string, string> = { js: "text/javascript", svg: "image/svg+xml" };

/** What a page needs before it is painted: a part of it, so that it waits for no other answer. */
interface Inline {
  text: string;
  /** As the page's policy names it. */
  hash: string;
}

type Bytes = Uint8Array<ArrayBuffer>;

interface Asset {
  bytes: Bytes;
  type: string;
  /** Begun when the first browser asks for it. */
  coded: Partial<Record<Coding, Promise<Bytes>>>;
}

const brotli = promisify(brotliCompress);

/** The shorter one first. It takes a fifth of a second, in which other answers don't wait. */
export const CODINGS = {
  br: async (bytes: Bytes) => new Uint8Array(await brotli(bytes)),
  gzip: async (bytes: Bytes) => Bun.gzipSync(bytes, { level: 12, library: "libdeflate" }),
};
type Coding = keyof typeof CODINGS;

/** Serves each file under a name with its hash, so that a browser may keep it forever. */
export class Assets {
  readonly #known = new Map<string, Asset>();
  readonly #addresses = new Map<string, string>();
  /** Settled when the scripts are bundled; rejects with a sentence. */
  readonly ready: Promise<void>;

  readonly #styles = inline(shortened(STYLES.map((path) => readFileSync(path, "utf8")).join("\n")));
  #firstPaint = inline("");

  constructor() {
    for (const name of ICONS) {
      const bytes = new Uint8Array(readFileSync(resolve(PUBLIC, name)));
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
    for (const [name, text] of scripts)
      if (name === FIRST_PAINT) this.#firstPaint = inline(text);
      else this.#keep(name, new TextEncoder().encode(text), hash);
  }

  #keep(name: string, bytes: Bytes, hash: string): void {
    const type = TYPES[name.split(".").at(-1)!]!;
    this.#known.set(`${hash}/${name}`, { bytes, type, coded: {} });
    this.#addresses.set(name, `/static/${hash}/${name}`);
  }

  address = (name: string): string => this.#addresses.get(name) ?? "/static/unknown";

  get styles(): string {
    return this.#styles.text;
  }

  /** A script; complete when `ready` is settled. */
  get firstPaint(): string {
    return this.#firstPaint.text;
  }

  /** Of what is part of the pages. */
  get hashes(): { style: string; script: string } {
    return { style: this.#styles.hash, script: this.#firstPaint.hash };
  }

  answer = async (c: Context): Promise<Response> => {
    await this.ready;
    const found = this.#known.get(`${c.req.param("hash")}/${c.req.param("name")}`);
    if (!found)
      throw new Problem(404, "USAGE", "There is no such file.", "Reload the page: addresses change with an update.");
    const accepted = c.req.header("accept-encoding") ?? "";
    const coding = (["br", "gzip"] as const).find((name) => new RegExp(`\\b${name}\\b`).test(accepted));
    if (coding) found.coded[coding] ??= CODINGS[coding](found.bytes);
    return c.body((coding && (await found.coded[coding])) ?? found.bytes, 200, {
      "Content-Type": `${found.type}; charset=utf-8`,
      "Cache-Control": "public, max-age=31536000, immutable",
      Vary: "Accept-Encoding",
      ...(coding ? { "Content-Encoding": coding } : {}),
    });
  };
}

function inline(text: string): Inline {
  return { text, hash: `'sha256-${createHash("sha256").update(text).digest("base64")}'` };
}

/** Without comments and indents: pages are compressed in a hurry. */
function shortened(css: string): string {
  return css.replace(/\/\*.*?\*\//gs, "").replace(/\s*\n\s*/g, "\n");
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 12);
}
