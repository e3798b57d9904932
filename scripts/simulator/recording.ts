/** Reads and writes recordings: gzipped JSON lines, one ticker message each, in order of arrival. */
import { once } from "node:events";
import { closeSync, createReadStream, createWriteStream, existsSync, openSync, readSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { publish } from "../base/atomic-file.ts";
import { sentence, TidemarkError } from "../base/errors.ts";
import { RECORDING_BYTES_MAX } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import type { AppendRecord } from "../contract/log.ts";
import { type Recorded, readLine } from "./exchange-frames.ts";

/** Damaged lines are named one by one up to this many, then only counted. */
const WARNINGS_MAX = 5;

/**
 * Reads a whole recording. Damaged lines are left out with a warning, heartbeats and other messages
 * silently. Fails with RECORDING when the file is missing, damaged, too large or without a trade.
 */
export async function readRecording(path: string, logger: Logger): Promise<Recorded[]> {
  if (!existsSync(path))
    throw bad(`There is no recording at ${path}.`, "Name a .jsonl.gz or .jsonl file, or none for the bundled hour.");
  const recorded: Recorded[] = [];
  let [number, broken, bytes] = [0, 0, 0];
  try {
    for await (const line of linesOf(path)) {
      number++;
      bytes += line.length;
      if (bytes > RECORDING_BYTES_MAX)
        throw bad(`${path} is larger than ${RECORDING_BYTES_MAX} bytes unpacked.`, "Cut it into parts.");
      if (line.trim() === "") continue;
      const read = readLine(line);
      if (typeof read === "object") recorded.push(read);
      else if (read !== "other" && ++broken <= WARNINGS_MAX)
        logger.warn(`${path}, line ${number} is left out: it is ${read}`);
    }
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw bad(
      `${path} is damaged after line ${number}: ${sentence(error)}.`,
      "It must be a whole .jsonl.gz or .jsonl file.",
      error,
    );
  }
  if (broken > WARNINGS_MAX) logger.warn(`${path}: ${broken} lines in all are left out`);
  if (recorded.length === 0) throw bad(`${path} holds no trade.`, "Record one with `bun run record`.");
  return recorded;
}

/** Each trade once per name, as if the products traded alike: many products from one real recording. */
export function asProducts(recorded: Recorded[], products: string[]): Recorded[] {
  return recorded.flatMap((trade) =>
    products.map((product_id) => {
      const own = JSON.stringify(trade.product_id);
      const line = trade.line.replace(`"product_id":${own}`, () => `"product_id":${JSON.stringify(product_id)}`);
      return { ...trade, line, product_id };
    }),
  );
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const file = createReadStream(path);
  const input = isGzip(path) ? file.pipe(createGunzip()) : file;
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  for (const stream of [file, input]) stream.on("error", failed.reject);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([lines.next(), failed.promise]);
      if (next.done) break;
      yield next.value;
    }
    // readline ends normally when its input breaks off: the error may come just after.
    await Promise.race([failed.promise, Bun.sleep(0)]);
  } finally {
    file.destroy();
  }
}

function isGzip(path: string): boolean {
  const head = new Uint8Array(2);
  const file = openSync(path, "r");
  readSync(file, head, 0, 2, 0);
  closeSync(file);
  return head[0] === 0x1f && head[1] === 0x8b;
}

function bad(message: string, hint: string, cause?: unknown): TidemarkError {
  return new TidemarkError("RECORDING", message, hint, { cause });
}

/**
 * Writes a recording; the file gets its name once it is whole. Fails with RECORDING when the name is
 * taken.
 */
export class RecordingWriter {
  readonly #gzip = createGzip();
  readonly #part: string;
  /** Settles when the file is whole or can't be written further. */
  readonly #written: Promise<void>;
  lines = 0;

  constructor(readonly path: string) {
    if (existsSync(path)) throw bad(`${path} exists already.`, "Choose another name, or remove it.");
    this.#part = `${path}.part`;
    try {
      // Opened at once: a stream would report a missing folder only after the feed was connected.
      const file = createWriteStream(this.#part, { fd: openSync(this.#part, "w") });
      this.#written = pipeline(this.#gzip, file).catch((error) => Promise.reject(this.#unwritable(error)));
      this.#written.catch(() => {});
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  /**
   * One message per line, line breaks within it as spaces; records without a key are not messages and
   * are left out.
   */
  async write(records: AppendRecord[]): Promise<void> {
    const messages = records.filter(({ key }) => key !== "").map(({ value }) => value);
    if (messages.length === 0) return;
    this.lines += messages.length;
    const text = messages.map((message) =>
      Buffer.from(message)
        .toString("utf8")
        .replace(/[\r\n]+/g, " "),
    );
    if (this.#gzip.destroyed || !this.#gzip.write(`${text.join("\n")}\n`))
      await Promise.race([this.#written, once(this.#gzip, "drain").catch(() => this.#written)]);
  }

  /** Ends the file and gives it its name; an empty one is removed. */
  async close(): Promise<void> {
    this.#gzip.end();
    await this.#written;
    if (this.lines === 0) rmSync(this.#part, { force: true });
    else publish(this.path, this.#part);
  }

  #unwritable(error: unknown): TidemarkError {
    return bad(`${this.path} can't be written: ${sentence(error)}.`, "Choose another path.", error);
  }
}
