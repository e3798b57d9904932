/** One stage as a child: restarted with back-off, given up when it can't start or dies too often. */

import { monotonicMs } from "../base/clock.ts";
import { TidemarkError } from "../base/errors.ts";
import { CHILD_RESTARTS_MAX, DRAIN_MS_MAX, RECONNECT_BASE_MS, RECONNECT_CAP_MS } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import { type Spawned, spawnScript } from "../base/process.ts";
import { pause } from "../base/wait.ts";
import { LAST_WORDS_VARIABLE, type LastWords, lastWords, lastWordsOf } from "../command/last-words.ts";

const MINUTE_MS = 60_000;
/**
 * A child that fails by itself this soon after its first start has wrong settings: no restart. On a
 * busy machine a start takes seconds.
 */
const SETTLE_MS = 15_000;

interface ChildOptions {
  name: string;
  /** The command's file and its arguments, computed for each start. Its error counts as the child's. */
  command(): Promise<[file: string, ...args: string[]]>;
  logger: Logger;
  /** Called with each line of its standard output. */
  onLine?(line: string): void;
  /** Called once at its final end: null when it is done (exit 0), the reason when it is given up. */
  onEnd(why: TidemarkError | null): void;
}

/** How one run of the child ended: `how` follows its name, `words` is the error that it reported. */
interface End {
  how: string;
  words: LastWords | null;
  isKilled: boolean;
}

export class Child {
  #process: Spawned | null = null;
  readonly #stop = new AbortController();
  /** When it was started within the last minute, without the runs that ended for a transient error. */
  #starts: number[] = [];
  #waits = 0;
  /** The last logged transient error. */
  #waitsFor = "";

  constructor(readonly options: ChildOptions) {}

  /** The child's pid, or null while it is not running. */
  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Runs the child until it is done, given up or stopped. Never rejects. */
  async start(): Promise<void> {
    const { name, logger, onEnd } = this.options;
    for (let first = true; !this.#stop.signal.aborted; first = false) {
      const started_ms = monotonicMs();
      const end = await this.#run();
      if (this.#stop.signal.aborted) return;
      if (end === null) return onEnd(null);
      if (end.words?.passes) {
        const wait_ms = backoffMs(++this.#waits);
        const isNew = end.words.sentence !== this.#waitsFor;
        this.#waitsFor = end.words.sentence;
        logger[isNew ? "warn" : "debug"](`${name} waits and tries again: ${end.words.sentence} ${end.words.hint}`);
        await pause(wait_ms, this.#stop.signal);
        continue;
      }
      this.#waits = 0;
      this.#waitsFor = "";
      this.#starts = [...this.#starts.filter((ms) => monotonicMs() - ms < MINUTE_MS), started_ms];
      const isEarly = first && !end.isKilled && monotonicMs() - started_ms < SETTLE_MS;
      if (isEarly || this.#starts.length > CHILD_RESTARTS_MAX) return onEnd(this.#reason(end, isEarly));
      const wait_ms = backoffMs(this.#starts.length);
      const why = end.words === null ? "" : ` (${end.words.sentence})`;
      logger.warn(`${name} ${end.how}${why}: starting it again in ${wait_ms / 1000} s`);
      await pause(wait_ms, this.#stop.signal);
    }
  }

  /** Drains it: SIGTERM, and SIGKILL after DRAIN_MS_MAX. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#process?.stop(DRAIN_MS_MAX);
  }

  /** One run; null when it ended with 0 or was stopped before it began. */
  async #run(): Promise<End | null> {
    const started = await this.#spawn();
    if (started === null || "how" in started) return started;
    this.#process = started;
    const [{ code, signal }, words] = await Promise.all([started.ended, this.#readLines(started.stdout)]);
    this.#process = null;
    if (code === 0) return null;
    const how = signal === null ? `ended with status ${code}` : `was killed by ${signal}`;
    return { how, words, isKilled: signal !== null };
  }

  async #spawn(): Promise<Spawned<"lifeline", "pipe"> | End | null> {
    try {
      const [file, ...args] = await this.options.command();
      if (this.#stop.signal.aborted) return null;
      const env = { [LAST_WORDS_VARIABLE]: "1" };
      return spawnScript(file, args, { stdin: "lifeline", stdout: "pipe", stderr: "inherit", env });
    } catch (error) {
      return { how: "can't be started", words: lastWordsOf(error), isKilled: false };
    }
  }

  #reason({ how, words }: End, isEarly: boolean): TidemarkError {
    const often = isEarly ? "" : `, ${this.#starts.length} times within a minute`;
    const why = words === null ? "." : `: ${words.sentence}`;
    return new TidemarkError("CHILD_FAILED", `${this.options.name} ${how}${often}${why}`, words?.hint ?? "");
  }

  /** Passes each line on. Resolves at the end of the output, with the child's last words if it wrote any. */
  async #readLines(stream: ReadableStream<Uint8Array>): Promise<LastWords | null> {
    const decoder = new TextDecoder();
    let words: LastWords | null = null;
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const last = lastWords(line);
        if (last === null) this.options.onLine?.(line);
        else words = last;
      }
    }
    return words;
  }
}

/** Before the n-th restart. */
function backoffMs(n: number): number {
  return Math.min(RECONNECT_CAP_MS, RECONNECT_BASE_MS * 2 ** (n - 1));
}
