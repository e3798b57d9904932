/** An export's process and the stream that sends its file; both end with their request. */
import { createReadStream, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ARGUMENT_BYTES_MAX, DOWNLOAD_STILL_MS_MAX, EXPORT_STILL_MS_MAX } from "../../scripts/base/limits.ts";
import { PARENT_VARIABLE } from "../../scripts/base/process.ts";
import { removeAbandonedTemporary, temporaryFolder } from "../../scripts/base/temporary.ts";
import { Problem } from "../http/problem.ts";

const QUERY = resolve(import.meta.dir, "../../scripts/query.ts");
const FOLDER = "tidemark-export-";

/** `query` as a child process that writes into a temporary folder. */
export class ExportRun {
  readonly #folder = temporaryFolder(FOLDER);
  readonly #file: string;
  readonly #child: Bun.Subprocess<"pipe", "ignore", "pipe">;
  readonly #watch: ReturnType<typeof setInterval>;
  #size = 0;

  /** One SELECT and the flags of `query` with its parameters. */
  constructor(data: string, ending: string, sql: string, flags: string[]) {
    this.#file = join(this.#folder, `export.${ending}`);
    try {
      this.#child = Bun.spawn(
        [
          ...[process.execPath, QUERY, "--data", data, "--format", ending, "--output", this.#file],
          ...flags,
          ...this.#select(sql),
        ],
        {
          // It closes when this process ends, even by SIGKILL; the child then ends too.
          stdin: "pipe",
          stdout: "ignore",
          stderr: "pipe",
          env: { ...process.env, [PARENT_VARIABLE]: String(process.pid) },
        },
      );
    } catch (error) {
      rmSync(this.#folder, { recursive: true, force: true });
      throw error;
    }
    this.#watch = setInterval(() => this.#check(), EXPORT_STILL_MS_MAX);
  }

  /** Linux takes an argument of at most 128 KiB: a longer SELECT is passed as a metric's file. */
  #select(sql: string): string[] {
    if (Buffer.byteLength(sql) <= ARGUMENT_BYTES_MAX) return ["--", sql];
    writeFileSync(join(this.#folder, "export.sql"), sql);
    return ["--sql", this.#folder, "--metric", "export"];
  }

  /** Removes the folders of servers that were killed. */
  static removeAbandoned(): void {
    removeAbandonedTemporary(FOLDER);
  }

  /** The bytes of the whole file, open. Rejects with the child's own sentence. */
  async file(): Promise<AsyncIterable<Uint8Array>> {
    const [code, said] = await Promise.all([this.#child.exited, new Response(this.#child.stderr).text()]);
    if (code !== 0) throw new Problem(503, "QUERY", /error: (.*)/.exec(said)?.[1] ?? "The export was stopped.");
    const bytes = createReadStream(this.#file);
    await new Promise((resolve, reject) => bytes.once("open", resolve).once("error", reject));
    return bytes;
  }

  /** Ends the child and removes the folder; an open file stays readable. */
  end(): void {
    clearInterval(this.#watch);
    if (this.#child.exitCode === null) this.#child.kill("SIGTERM");
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
  readonly stream: ReadableStream<Uint8Array>;
  readonly #iterator: Iterator<string> | AsyncIterator<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * `onEnd` is called once: after the last piece, when the reader leaves, after a failure, by `end`,
   * and when the reader has taken nothing for DOWNLOAD_STILL_MS_MAX.
   */
  constructor(
    pieces: Iterable<string> | AsyncIterable<Uint8Array>,
    private readonly onEnd: () => void,
  ) {
    const encoder = new TextEncoder();
    this.#iterator = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        this.#await();
      },
      pull: async (controller) => {
        clearTimeout(this.#timer);
        try {
          const { value, done } = await this.#iterator.next();
          if (this.#controller === null) return;
          if (done) {
            controller.close();
            this.#leave();
          } else {
            controller.enqueue(typeof value === "string" ? encoder.encode(value) : value);
            this.#await();
          }
        } catch (error) {
          controller.error(error);
          this.#leave();
        }
      },
      cancel: () => this.#leave(),
    });
  }

  /** Ends it before its last piece: the reader gets an error instead of the end. */
  end(): void {
    if (this.#controller === null) return;
    this.#controller.error(new Error("the download was ended"));
    this.#leave();
  }

  #await(): void {
    this.#timer = setTimeout(() => this.end(), DOWNLOAD_STILL_MS_MAX);
  }

  #leave(): void {
    if (this.#controller === null) return;
    this.#controller = null;
    clearTimeout(this.#timer);
    void this.#iterator.return?.();
    this.onEnd();
  }
}
