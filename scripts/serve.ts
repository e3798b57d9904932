/** `bun run serve`: the page and the API over what the other stages have stored. */
import { existsSync } from "node:fs";
import { serve } from "../web/server.ts";
import { type CommandSpec, given, runCommand } from "./common/cli.ts";
import { monotonicMs } from "./common/clock.ts";
import { sentence } from "./common/errors.ts";
import type { Log, PartitionSpan } from "./common/log.ts";
import type { Logger } from "./common/logger.ts";
import { DATA_FLAG, type DataPaths, LOG_FLAG, openDataDir, wholeNumber } from "./common/settings.ts";
import { checkLogUrl, logName, openLog } from "./log/open.ts";

interface ServeFlags {
  data: string;
  log: string;
  port: string | number;
  host: string;
}

export const spec: CommandSpec<ServeFlags> = {
  name: "serve",
  summary: "Serves the page and the API, and prints the page's address. It only reads.",
  flags: [
    DATA_FLAG,
    LOG_FLAG,
    {
      flags: "--port <port>",
      description: "the page's port; 0 takes any free one",
      env: "TIDEMARK_PORT",
      parse: wholeNumber(0, 65_535),
      default: "8321",
    },
    {
      flags: "--host <address>",
      description: "the address to listen on; 0.0.0.0 is every one of this machine",
      env: "TIDEMARK_HOST",
      default: "127.0.0.1",
    },
  ],
  examples: [
    "bun run serve",
    "bun run serve --data data/replay --port 0",
    "curl -s http://127.0.0.1:8321/api/windows?limit=1",
  ],
  async run(options, { logger, signal }) {
    checkLogUrl(options.log);
    const paths = openDataDir(options.data, logger);
    const log = new AskedLog(options.log, paths, logger);
    const served = serve(paths, { host: options.host, port: Number(options.port), log, logger });
    process.stdout.write(`${served.url}\n`);
    await given(signal);
    await served.stop();
    await log.close();
    return 0;
  },
};

/** How long one answer of the log is good for: many pages ask, and a broker is not asked more than once a second. */
const ANSWER_MS = 1_000;

/** The log's ends, asked when somebody looks; a log that isn't there yet or can't be reached has none, which is said once. */
class AskedLog {
  #log: Promise<Log> | null = null;
  #answer: Promise<PartitionSpan[] | null> = Promise.resolve(null);
  #due_ms = 0;
  #complained = false;

  constructor(
    private readonly url: string,
    private readonly paths: DataPaths,
    private readonly logger: Logger,
  ) {}

  get name(): string {
    return logName(this.url);
  }

  spans(): Promise<PartitionSpan[] | null> {
    if (monotonicMs() < this.#due_ms) return this.#answer;
    this.#due_ms = monotonicMs() + ANSWER_MS;
    this.#answer = this.#ask();
    return this.#answer;
  }

  async close(): Promise<void> {
    await (await this.#log?.catch(() => null))?.close();
  }

  async #ask(): Promise<PartitionSpan[] | null> {
    if (!this.url.startsWith("kafka") && !existsSync(this.paths.log)) return null;
    try {
      this.#log ??= openLog(this.url, this.paths, { role: "reader", logger: this.logger });
      const spans = await (await this.#log).spans();
      this.#complained = false;
      return spans;
    } catch (error) {
      this.#log = null;
      if (!this.#complained) this.logger.warn(`how far the log is can't be shown: ${sentence(error)}`);
      this.#complained = true;
      return null;
    }
  }
}

await runCommand(spec, import.meta.main);
