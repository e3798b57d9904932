/** An export's process and the stream that sends its file; both end with their request. */
import { createReadStream, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ARGUMENT_BYTES_MAX, DOWNLOAD_STILL_MS_MAX, EXPORT_STILL_MS_MAX } from "../../scripts/base/limits.ts";
import { type Spawned, spawnScript } from "../../scripts/base/process.ts";
import { removeAbandonedTemporary, temporaryFolder } from "../../scripts/base/temporary.ts";
import { Problem } from "../http/problem.ts";

const QUERY = resolve(import.meta.dir, "../../scripts/query.ts");
const FOLDER = "tidemark-export-";

/** `query` as a child process that writes into a temporary folder. */
export class ExportRun {
  readonly #folder = temporaryFolder(FOLDER);
  readonly #file: string;
  readonly #child: Spawned;
  readonly #watch: ReturnType<typeof setInterval>;
  #size = 0;

  /** One SELECT and the flags of `query` with its parameters; `metric`: errors name it. */
  constructor(data: string, ending: string, sql: string, flags: string[], metric: string | null = null) {
    this.#file = join(this.#folder, `export.${ending}`);
    try {
      const args = ["--data", data, "--format", ending, "--output", this.#file, ...flags, ...this.#select(sql, metric)];
      this.#child = spawnScript(QUERY, args, { stdin: "lifeline", stderr: "keep" });
    } catch (error) {
      rmSync(this.#folder, { recursive: true, force: true });
      throw error;
    }
    this.#watch = setInterval(() => this.#check(), EXPORT_STILL_MS_MAX);
  }

  /** Linux takes an argument of at most 128 KiB: a longer SELECT is passed as a metric's file. */
  #select(sql: string, metric: string | null): string[] {
    if (metric === null && Buffer.byteLength(sql) <= ARGUMENT_BYTES_MAX) return ["--", sql];
    const name = metric ?? "export";
    writeFileSync(join(this.#folder, `${name}.sql`), sql);
    return ["--sql", this.#folder, "--metric", name];
  }

  /** Removes the folders of servers that were killed. */
  static removeAbandoned(): void {
    removeAbandonedTemporary(FOLDER);
  }

  /** The bytes of the whole file, open. Rejects with the child's own sentence. */
  async file(): Promise<AsyncIterable<Uint8Array>> {
    const { code, stderr } = await this.#child.ended;
    const why = /error: (.*)/.exec(stderr)?.[1] ?? "The export was stopped.";
    if (code === 2) throw new Problem(400, "USAGE", why);
    if (code !== 0) throw new Problem(503, "QUERY", why);
    const bytes = createReadStream(this.#file);
    await new Promise((resolve, reject) => bytes.once("open", resolve).once("error", reject));
    return bytes;
  }

  /** Ends the child and removes the folder; an open file stays readable. */
  end(): void {
    clearInterval(this.#watch);
    this.#child.kill("SIGTERM");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #check(): void {
    const size = this.#bytes();
    if (size === this.#size) this.#child.kill("SIGTERM");
    this.#size = size;
  }

  /** Bytes written so far; `query` writes the file in a folder beside its place. */
  #bytes(): number {
    const found = [...new Bun.Glob("**/*").scanSync({ cwd: this.#folder, dot: true, onlyFiles: true })];
    return found.reduce(
      (sum, name) => sum + (statSync(join(this.#folder, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  }
}

/** One answer being sent. The next piece is made when the reader asks for it, so memory holds one. */
export class Download {
  readonly #iterator: Iterator<string | Uint8Array> | AsyncIterator<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #ended = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * `onEnd` is called once: after the last piece, when the reader leaves, by `end`, when the reader has
   * taken nothing for DOWNLOAD_STILL_MS_MAX, and with the error when a piece can't be made.
   */
  constructor(
    pieces: Iterable<string> | AsyncIterable<Uint8Array>,
    private readonly onEnd: (error?: unknown) => void,
  ) {
    this.#iterator = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  }

  /** Makes the first piece, and rejects with its error: later ones can only cut the answer off. */
  async begin(): Promise<ReadableStream<Uint8Array>> {
    let first: IteratorResult<string | Uint8Array> | null;
    try {
      first = await this.#iterator.next();
    } catch (error) {
      this.#leave();
      throw error;
    }
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        if (this.#ended) controller.error();
        else this.#await();
      },
      pull: async () => {
        clearTimeout(this.#timer);
        try {
          // A reader that is fast enough would keep all other requests waiting until the end.
          if (first === null) await new Promise<void>((next) => setImmediate(next));
          const piece = first ?? (await this.#iterator.next());
          first = null;
          this.#send(piece);
        } catch (error) {
          this.#cut(error);
        }
      },
      cancel: () => this.#leave(),
    });
  }

  /** Ends it before its last piece: the reader gets an error instead of the end. */
  end = (): void => this.#cut();

  #send({ value, done }: IteratorResult<string | Uint8Array>): void {
    if (this.#ended) return;
    if (done) {
      this.#controller?.close();
      this.#leave();
    } else {
      this.#controller?.enqueue(typeof value === "string" ? encoder.encode(value) : value);
      this.#await();
    }
  }

  #await(): void {
    this.#timer = setTimeout(this.end, DOWNLOAD_STILL_MS_MAX);
  }

  #cut(error?: unknown): void {
    if (this.#ended) return;
    // Without a value: Bun 1.4.5 prints any other, with its stack trace.
    this.#controller?.error();
    this.#leave(error);
  }

  #leave(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    void this.#iterator.return?.();
    this.onEnd(error);
  }
}

const encoder = new TextEncoder();
