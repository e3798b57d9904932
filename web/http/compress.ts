/** gzip for clients that accept it: whole answers, and the messages of an event stream one by one. */
import { constants, crc32, deflateRawSync } from "node:zlib";
import type { Context, MiddlewareHandler } from "hono";
import type { JsonPiece } from "../model/json-pieces.ts";

/** Below it gzip saves nothing that matters. */
const BYTES_MIN = 1_000;
const COMPRESSED = /^(text\/html|text\/plain|application\/json)\b/;

/** Shorter blocks are stored as they are, which costs no call of zlib. */
const BLOCK_BYTES_MIN = 100;

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
  /** Bytes. */
  readonly length: number;
  #gzip: Uint8Array<ArrayBuffer> | null = null;

  constructor(private readonly pieces: readonly JsonPiece[]) {
    this.length = pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  answer(c: Context): Response {
    const headers = { "Content-Type": "application/json" };
    if (this.length < BYTES_MIN || !acceptsGzip(c.req.header("accept-encoding")))
      return c.body(joined(...this.pieces.map(({ bytes }) => bytes)), 200, headers);
    this.#gzip ??= gzipOf(this.pieces);
    return c.body(this.#gzip, 200, { ...headers, "Content-Encoding": "gzip", Vary: "Accept-Encoding" });
  }
}

/** Half of zlib's time for a tenth more bytes. */
function gzip(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return Bun.gzipSync(bytes, { library: "libdeflate", level: 1 });
}

/** Kept pieces, each compressed once, as blocks that refer to nothing before them. */
const blocks = new WeakMap<JsonPiece, Uint8Array>();
/** An empty last block (RFC 1951, section 3.2.4). */
const LAST_BLOCK = new Uint8Array([1, 0, 0, 255, 255]);

/** The pieces as one gzip member. */
function gzipOf(pieces: readonly JsonPiece[]): Uint8Array<ArrayBuffer> {
  if (!pieces.some(({ isKept }) => isKept)) return gzip(joined(...pieces.map(({ bytes }) => bytes)));
  const check = new DataView(new ArrayBuffer(8));
  for (const { bytes } of pieces) {
    check.setUint32(0, crc32(bytes, check.getUint32(0, true)), true);
    check.setUint32(4, check.getUint32(4, true) + bytes.length, true);
  }
  const made: Uint8Array[] = [GZIP_HEADER];
  let between: Uint8Array[] = [];
  for (const piece of pieces) {
    if (!piece.isKept) {
      between.push(piece.bytes);
      continue;
    }
    if (between.length > 0) made.push(blockOf(joined(...between)));
    between = [];
    const block = blocks.get(piece) ?? blockOf(piece.bytes);
    blocks.set(piece, block);
    made.push(block);
  }
  return joined(...made, blockOf(joined(...between)), LAST_BLOCK, new Uint8Array(check.buffer));
}

/** Deflated to a whole number of bytes. */
function blockOf(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (length >= BLOCK_BYTES_MIN) return new Uint8Array(deflateRawSync(bytes, { ...TO_A_BYTE, level: 1 }));
  return joined(new Uint8Array([0, length, 0, 255 - length, 255]), bytes);
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

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
