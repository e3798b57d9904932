/** One stage as a child process: started again with back-off when it dies, given up when it can't start or dies too often. */

import { PARENT_VARIABLE } from "../common/cli.ts";
import { monotonicMs } from "../common/clock.ts";
import { CHILD_RESTARTS_MAX, DRAIN_MS_MAX, RECONNECT_BASE_MS, RECONNECT_CAP_MS } from "../common/limits.ts";
import type { Logger } from "../common/logger.ts";

const MINUTE_MS = 60_000;
/** A child that fails by itself this soon after its first start has wrong settings; starting it again would not help. */
const SETTLE_MS = 3_000;

export interface ChildOptions {
  name: string;
  /** The command's file and its arguments; asked again at each start. */
  command(): Promise<string[]> | string[];
  logger: Logger;
  /** Called with each line of its standard output. */
  onLine?(line: string): void;
  /** Called once when it has ended for good: done (exit 0 of its own) or given up. */
  onEnd(why: "done" | "given up"): void;
}

export class Child {
  #process: Bun.Subprocess<"pipe", "pipe", "inherit"> | null = null;
  #stopping = false;
  #starts: number[] = [];
  #ended = Promise.withResolvers<void>();

  constructor(readonly options: ChildOptions) {}

  /** The child's pid, or null while it is not running. */
  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  async start(): Promise<void> {
    const { name, logger } = this.options;
    const args = await this.options.command();
    if (this.#stopping) return;
    const started_ms = monotonicMs();
    this.#starts.push(started_ms);
    const child = Bun.spawn([process.execPath, ...args], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
      env: { ...process.env, [PARENT_VARIABLE]: String(process.pid) },
    });
    this.#process = child;
    void this.#readLines(child.stdout);
    const code = await child.exited;
    this.#process = null;
    if (this.#stopping || code === 0) {
      this.#ended.resolve();
      if (!this.#stopping) this.options.onEnd("done");
      return;
    }
    const how = child.signalCode ? `was killed by ${child.signalCode}` : `ended with status ${code}`;
    const early = this.#starts.length === 1 && !child.signalCode && monotonicMs() - started_ms < SETTLE_MS;
    this.#starts = this.#starts.filter((ms) => monotonicMs() - ms < MINUTE_MS);
    if (early || this.#starts.length > CHILD_RESTARTS_MAX) {
      logger.error(`${name} ${how}${early ? "" : `, ${this.#starts.length} times within a minute`}: given up`);
      this.#ended.resolve();
      this.options.onEnd("given up");
      return;
    }
    const wait_ms = Math.min(RECONNECT_CAP_MS, RECONNECT_BASE_MS * 2 ** (this.#starts.length - 1));
    logger.warn(`${name} ${how}: starting it again in ${wait_ms / 1000} s`);
    await Bun.sleep(wait_ms);
    if (this.#stopping) this.#ended.resolve();
    else void this.start();
  }

  /** Drains it: SIGTERM, and SIGKILL when it takes longer than the limit. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#process;
    if (child === null) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), DRAIN_MS_MAX);
    await child.exited;
    clearTimeout(timer);
  }

  async #readLines(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.options.onLine?.(line);
    }
  }
}
