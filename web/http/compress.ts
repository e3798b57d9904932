/** gzip for clients that accept it: whole answers, and the messages of an event stream one by one. */
import { constants, deflateRawSync } from "node:zlib";
import type { Context, MiddlewareHandler } from "hono";

/** Below it gzip saves nothing that matters. */
const BYTES_MIN = 1_000;
const COMPRESSED = /^(text\/html|text\/plain|application\/json)\b/;

/** Whether an Accept-Encoding header allows gzip (RFC 9110, section 12.5.3). */
export function acceptsGzip(header = ""): boolean {
  const shares = new Map<string, number>();
  for (const one of header.toLowerCase().split(",")) {
    const [name, ...parameters] = one.split(";").map((part) => part.trim());
    const q = parameters.find((part) => part.startsWith("q="))?.slice(2);
    shares.set(name!, q === undefined ? 1 : Number(q) || 0);
  }
  return (shares.get("gzip") ?? shares.get("x-gzip") ?? shares.get("*") ?? 0) > 0;
}

/** Compresses HTML, JSON and plain text. Downloads, events and static files have their own ways. */
export const compressed: MiddlewareHandler = async (c, next) => {
  await next();
  const { res } = c;
  if (!COMPRESSED.test(res.headers.get("content-type") ?? "") || res.headers.has("content-encoding")) return;
  res.headers.append("Vary", "Accept-Encoding");
  if (!acceptsGzip(c.req.header("accept-encoding"))) return;
  const bytes = new Uint8Array(await res.arrayBuffer());
  const isShort = bytes.length < BYTES_MIN;
  c.res = new Response(isShort ? bytes : gzip(bytes), res);
  c.res.headers.delete("content-length");
  if (!isShort) c.res.headers.set("Content-Encoding", "gzip");
};

/** JSON that several clients get: it is compressed for the first of them that accepts it. */
export class SharedJson {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #gzip: Uint8Array<ArrayBuffer> | null = null;

  constructor(value: unknown) {
    this.#bytes = new TextEncoder().encode(JSON.stringify(value));
  }

  answer(c: Context): Response {
    const headers = { "Content-Type": "application/json" };
    if (this.#bytes.length < BYTES_MIN || !acceptsGzip(c.req.header("accept-encoding")))
      return c.body(this.#bytes, 200, headers);
    this.#gzip ??= gzip(this.#bytes);
    return c.body(this.#gzip, 200, { ...headers, "Content-Encoding": "gzip", Vary: "Accept-Encoding" });
  }
}

/** Half of zlib's time for a tenth more bytes. */
function gzip(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return Bun.gzipSync(bytes, { library: "libdeflate", level: 1 });
}

/** The beginning of a gzip stream (RFC 1952): no name, no time. */
const GZIP_HEADER = new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** As far back as deflate refers. */
const HISTORY_BYTES = 32_768;
/** Each message ends at a byte, complete for who reads it. */
const TO_A_BYTE = { finishFlush: constants.Z_SYNC_FLUSH };

/** The newest bytes that a client of an event stream has received: what its next message may refer to. */
export type Received = Uint8Array;

/** Of a client that has received nothing, or forgets it. */
export const NOTHING: Received = new Uint8Array(0);

/** The first bytes of a compressed stream; `text` keeps its length, which fills buffers of proxies. */
export function gzipOpening(text: string): Uint8Array<ArrayBuffer> {
  return joined(GZIP_HEADER, deflateRawSync(text, { ...TO_A_BYTE, level: 0 }));
}

/**
 * One message of a compressed stream. Clients that have received the same can share the bytes:
 * deflate's only state is what the stream had before (docs/decisions/0086-one-deflate-for-all.md).
 */
export function gzipMessage(text: string, before: Received): { bytes: Uint8Array<ArrayBuffer>; received: Received } {
  const raw = Buffer.from(text);
  const dictionary = before.length > 0 ? { dictionary: before } : {};
  const bytes = new Uint8Array(deflateRawSync(raw, { ...TO_A_BYTE, ...dictionary }));
  return { bytes, received: joined(before, raw).slice(-HISTORY_BYTES) };
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
