/** `bun run serve`: the page and the API over what the other stages have stored. */
import { AskedLog } from "../web/model/index.ts";
import { serve } from "../web/server.ts";
import { shownDataDir } from "./base/data-dir.ts";
import { untilAborted } from "./base/wait.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import {
  ALLOW_HOST_FLAG,
  BASE_PATH_FLAG,
  DATA_FLAG,
  HOST_FLAG,
  LOG_FLAG,
  PORT_FLAG,
  PRICE_FLAG,
} from "./command/flags.ts";
import type { Prices } from "./contract/prices.ts";
import { checkLogUrl, logEnds, logName } from "./log/index.ts";
import { Judge } from "./message/index.ts";

interface ServeFlags {
  data: string;
  log: string;
  port: number;
  host: string;
  price?: Prices;
  allowHost?: string[];
  basePath?: string;
}

export const spec: CommandSpec<ServeFlags> = {
  name: "serve",
  summary: "Serves the page and the API, and prints the page's address. It only reads.",
  flags: [DATA_FLAG, LOG_FLAG, PORT_FLAG, HOST_FLAG, ALLOW_HOST_FLAG, BASE_PATH_FLAG, PRICE_FLAG],
  examples: [
    "bun run serve",
    "bun run serve --data data/replay --port 0",
    "bun run serve --host 0.0.0.0 --allow-host tidemark.lan --base-path /tidemark",
    "curl -s http://127.0.0.1:8321/api/windows?limit=1",
  ],
  async run(options, { logger, signal }) {
    checkLogUrl(options.log);
    const paths = shownDataDir(options.data, logger);
    const judge = new Judge();
    const ends = logEnds(options.log, paths, logger, (record) => judge.productOf(record));
    const log = new AskedLog(logName(options.log), ends, logger);
    const { host, port, price: prices, allowHost: allowed, basePath: base } = options;
    const served = serve(paths, { host, port, log, logger, prices, allowed, base });
    await served.ready;
    log.start();
    if (!isLoopback(options.host)) logger.warn(reachable(options.host, served.url));
    process.stdout.write(`${served.url}\n`);
    await untilAborted(signal);
    await served.stop();
    log.close();
    return 0;
  },
};

/** Whether only programs of this machine reach an address. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function reachable(host: string, url: string): string {
  const from = host === "0.0.0.0" || host === "::" ? "every network of this machine" : `the network of ${host}`;
  return (
    `The page is reachable from ${from}, without a login: everyone who reaches port ${new URL(url).port} can read all stored data. ` +
    "Use --host 127.0.0.1 (the default) for this machine only, or a proxy with a login in front of it."
  );
}

await runCommand(spec, import.meta.main);
