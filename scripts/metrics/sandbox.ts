/** Runs user SQL in a process with a memory limit; if it dies, only the query fails. */
import { join } from "node:path";
import type { Manifest } from "../archive/index.ts";
import { type ErrorCode, TidemarkError } from "../base/errors.ts";
import { INTERRUPT_MS_MAX, METRIC_MS_MAX, RESULT_BYTES_MAX, SANDBOX_REUSE_BYTES_MAX } from "../base/limits.ts";
import { type Spawned, spawnScript } from "../base/process.ts";
import { endedBy, TOO_MUCH_MEMORY, watchMemory } from "./limited.ts";
import type { Parameters, QueryResult } from "./locked.ts";

/** One committed state of the archive. */
interface Opening {
  archive: string;
  manifest: Manifest;
  /** The only text that will run, so that only the views it names are created; null: all views. */
  sql: string | null;
}

/** What the parent writes to the child. */
export type Request =
  | { open: Opening }
  | { check: string }
  | { select: { sql: string; parameters: Parameters; rows_max: number; ms_max: number; csv: string | null } };

/** What the child writes for each request. */
export interface Reply {
  result: QueryResult | null;
  error: { code: ErrorCode; message: string; hint: string } | null;
  /** The error is a lack of memory. */
  memory: boolean;
  /** A query ignored its interrupt: the process is of no more use. */
  deaf: boolean;
  /** Of the process so far: resident bytes, their peak, CPU time. */
  rss: number;
  peak_rss: number;
  cpu_us: number;
}

/** A process that ended instead of replying; `memory`: because it held too much. */
class DeathError extends TidemarkError {
  constructor(
    message: string,
    readonly memory: boolean,
  ) {
    super("QUERY", message);
  }
}

/** Per UTF-16 unit JSON's escapes take at most 6 bytes; the rest of a reply is a few hundred. */
const REPLY_BYTES_MAX = 6 * RESULT_BYTES_MAX + 100_000;

/** One child process at a time, replaced after it died or holds too much. */
export class Sandbox {
  #child: Child | null;
  #opening: Opening | null = null;
  #used = false;
  #closed = false;
  readonly #past = { cpu_us: 0, peak_rss: 0 };
  readonly #ends: Promise<unknown>[] = [];

  /**
   * Starts a process, which loads DuckDB meanwhile. If ours is killed, it notes our run as died in
   * `results`.
   */
  constructor(private readonly results: string) {
    this.#child = new Child(results);
  }

  /** Opens the views over one committed state of the archive. Rejects as LockedDatabase.open does. */
  async open(opening: Opening): Promise<void> {
    this.#opening = opening;
    await this.#ready();
  }

  /** As LockedDatabase.select; if the query ends its process, only this query fails, with QUERY. */
  select(
    sql: string,
    parameters: Parameters,
    rows_max: number,
    { ms_max = METRIC_MS_MAX, csv = null }: { ms_max?: number; csv?: string | null } = {},
  ): Promise<QueryResult> {
    return this.#perform<QueryResult>({ select: { sql, parameters, rows_max, ms_max, csv } }, ms_max);
  }

  /** As LockedDatabase.check. */
  async check(sql: string): Promise<void> {
    await this.#perform({ check: sql }, METRIC_MS_MAX);
  }

  /** CPU time of all processes so far as they replied, and the largest one's peak. */
  get cost(): { cpu_us: number; peak_rss: number } {
    const { cpu_us = 0, peak_rss = 0 } = this.#child?.last ?? {};
    return { cpu_us: this.#past.cpu_us + cpu_us, peak_rss: Math.max(this.#past.peak_rss, peak_rss) };
  }

  /** Ends the query that runs; it and all later ones fail. */
  close(): void {
    this.#closed = true;
    this.#drop();
  }

  /** Closes it. Resolves when all processes have ended, so that the system charges them to this process. */
  async end(): Promise<void> {
    this.close();
    await Promise.all(this.#ends);
  }

  /** Earlier queries may have caused a lack of memory: it is tried once more in a new process. */
  async #perform<T>(request: Request, ms_max: number): Promise<T> {
    for (;;) {
      const child = await this.#ready();
      const wasUsed = this.#used;
      this.#used = true;
      try {
        const reply = await child.ask(request, ms_max + 2 * INTERRUPT_MS_MAX);
        if (reply.memory || reply.deaf || reply.rss > SANDBOX_REUSE_BYTES_MAX) this.#drop();
        if (reply.memory && wasUsed) continue;
        if (reply.error === null) return reply.result as T;
        throw new TidemarkError(reply.error.code, reply.error.message, reply.error.hint);
      } catch (error) {
        if (!(error instanceof DeathError)) throw error;
        this.#drop();
        if (!error.memory || !wasUsed) throw error;
      }
    }
  }

  async #ready(): Promise<Child> {
    if (this.#closed || this.#opening === null) throw new TidemarkError("QUERY", "It was stopped.");
    this.#child ??= new Child(this.results);
    const child = this.#child;
    if (child.isOpen) return child;
    this.#used = false;
    const { error } = await child.ask({ open: this.#opening }, METRIC_MS_MAX);
    if (error !== null) throw new TidemarkError(error.code, error.message, error.hint);
    child.isOpen = true;
    return child;
  }

  #drop(): void {
    Object.assign(this.#past, this.cost);
    if (this.#child !== null) this.#ends.push(this.#child.kill());
    this.#child = null;
  }
}

/** One process of sandbox-child.ts. */
class Child {
  isOpen = false;
  last: Reply | null = null;
  readonly #process: Spawned<"pipe", "pipe">;
  readonly #replies;
  readonly #unwatch;
  /** Why we killed it. */
  #why: "memory" | "time" | "closed" | null = null;

  constructor(results: string) {
    const script = join(import.meta.dir, "sandbox-child.ts");
    this.#process = spawnScript(script, [results, String(process.pid)], { stdin: "pipe", stdout: "pipe" });
    this.#replies = this.#process.stdout.getReader();
    this.#unwatch = watchMemory(this.#process.pid, () => this.#end("memory"));
  }

  /**
   * One request, one reply. Rejects with DeathError when the process ends first, or has to be ended
   * after `ms_max`.
   */
  async ask(request: Request, ms_max: number): Promise<Reply> {
    const timer = setTimeout(() => this.#end("time"), ms_max);
    try {
      this.#process.stdin.write(`${JSON.stringify(request)}\n`);
      await this.#process.stdin.flush();
      const line = await this.#line();
      if (line === null) throw await this.#death(ms_max);
      this.last = JSON.parse(line) as Reply;
      return this.last;
    } catch (error) {
      // Writing to a process that has just ended.
      if (error instanceof TidemarkError) throw error;
      throw await this.#death(ms_max);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when it has ended. */
  kill(): Promise<unknown> {
    this.#end("closed");
    return this.#process.ended;
  }

  #end(why: "memory" | "time" | "closed"): void {
    this.#unwatch();
    this.#why ??= why;
    this.#process.kill("SIGKILL");
  }

  /** Null when the process has ended, or writes more than a reply can be. */
  async #line(): Promise<string | null> {
    const chunks: Uint8Array[] = [];
    for (let bytes = 0; bytes <= REPLY_BYTES_MAX; ) {
      const { value, done } = await this.#replies.read();
      if (done) return null;
      chunks.push(value);
      bytes += value.length;
      if (value.at(-1) === 10) return Buffer.concat(chunks).toString("utf8");
    }
    this.#end("memory");
    return null;
  }

  async #death(ms_max: number): Promise<DeathError> {
    this.#process.kill("SIGKILL");
    const end = await this.#process.ended;
    this.#unwatch();
    if (this.#why === "memory") return new DeathError(TOO_MUCH_MEMORY, true);
    if (this.#why === "closed") return new DeathError("It was stopped.", false);
    if (this.#why === "time")
      return new DeathError(
        `It was stopped after ${(ms_max - 2 * INTERRUPT_MS_MAX) / 1000} s, the limit for one query.`,
        false,
      );
    return new DeathError(endedBy(end), false);
  }
}
