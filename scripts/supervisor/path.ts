/** The whole path as children of `start`: which stages run, and with which flags. */
import { resolve } from "node:path";
import type { DataPaths } from "../base/data-dir.ts";
import type { TidemarkError } from "../base/errors.ts";
import { BUNDLED_RECORDING } from "../base/project.ts";
import { untilAborted } from "../base/wait.ts";
import type { CommandContext } from "../command/cli.ts";
import { typed } from "../command/environment.ts";
import { isReplay, productIds } from "../command/feed-flags.ts";
import { olderTrades, recentTrades } from "../feed/index.ts";
import { openLog } from "../log/index.ts";
import { Child } from "./child.ts";
import { noteAddress } from "./claim.ts";

/** The flags of `start`; texts are passed to the stages as they were given. */
export interface StartOptions {
  data: string;
  log: string;
  replay?: string | true;
  loop?: boolean;
  again?: boolean;
  speed: string;
  port: number;
  host: string;
  allowHost?: string[];
  basePath?: string;
  products: string;
  channel: string;
  heartbeats?: boolean;
  feed: string;
  /** An interval or a cron pattern. */
  every?: string;
  window?: string;
  lateness?: string;
  price?: string;
}

const SCRIPTS = resolve(import.meta.dir, "..");
const RECORDED_PRODUCT = "BTC-USD";

/** The recording that is played: the bundled hour unless --replay names another. */
export function recordingOf({ replay }: StartOptions): string {
  return typeof replay === "string" ? replay : BUNDLED_RECORDING;
}

/** What to type to play the recording again; nothing that is stored is removed. */
function againCommand(args = process.argv.slice(2)): string {
  const same = args.filter((arg) => arg !== "--again" && arg !== "--loop");
  const replay = same.some((arg) => /^--replay(=|$)/.test(arg)) ? same : ["--replay", ...same];
  return typed("start", [...replay, "--again"]);
}

/**
 * Runs the children until the signal. Rejects with CHILD_FAILED when one is given up. `live` is the
 * feed's URL, or null for the recording.
 */
export async function supervise(
  options: StartOptions,
  paths: DataPaths,
  live: string | null,
  { logger, signal }: CommandContext,
): Promise<void> {
  const done = Promise.withResolvers<void>();
  void untilAborted(signal).then(() => done.resolve());
  const verbose = process.argv.includes("--verbose") ? ["--verbose"] : [];
  const where = ["--data", paths.root, "--log", options.log, ...verbose];
  const children: Child[] = [];
  const add = (name: string, command: () => string[] | Promise<string[]>, onLine?: (line: string) => void) => {
    const onEnd = (why: TidemarkError | null) => {
      if (why !== null) done.reject(why);
      else if (name === "produce") {
        logger.info("the recording has ended: all of it is on the page, which stays open");
        if (live !== null) return;
        logger.info(`to play it once more: Ctrl-C, then ${againCommand()} (or --loop: without an end)`);
      }
    };
    const child = new Child({ name, command: async () => [script(name), ...(await command())], logger, onLine, onEnd });
    children.push(child);
    void child.start();
  };

  const feed = Promise.withResolvers<string>();
  let { products } = options;
  if (live !== null) feed.resolve(live);
  else {
    let port = "0";
    const file = recordingOf(options);
    if (file === BUNDLED_RECORDING && products !== RECORDED_PRODUCT) {
      logger.warn(`The bundled recording has only ${RECORDED_PRODUCT}: playing that instead of ${products}.`);
      products = RECORDED_PRODUCT;
    }
    const replayed = async () => {
      const played = await lastTradeIds(options.log, paths, productIds(products), logger);
      const after = played.length > 0 ? ["--after", played.join(",")] : [];
      const rounds = [...(options.loop ? ["--loop"] : []), ...(options.again ? ["--again"] : [])];
      return [file, "--port", port, "--speed", options.speed, ...rounds, ...after, ...verbose];
    };
    add("replay", replayed, (line) => {
      port = new URL(line).port;
      feed.resolve(line);
    });
  }
  const windowFlags = [...flag("--window", options.window), ...flag("--lateness", options.lateness)];
  add("stream", () => [...where, ...windowFlags]);
  add("consume", () => where);
  add("produce", async () => {
    const source = ["--feed", await feed.promise, "--products", products, "--channel", options.channel];
    const heartbeats = options.heartbeats ? ["--heartbeats"] : [];
    // The end of what another program plays on this machine is a healthy end too.
    return [...where, ...source, ...heartbeats, ...(live === null || isReplay(live) ? ["--until-end"] : [])];
  });
  const every = options.every ?? (live === null ? "5s" : "1m");
  add("schedule", () => ["--data", paths.root, "--every", every, "--watch", ...verbose]);
  const serve = [
    ...[...where, "--port", String(options.port), "--host", options.host, ...flag("--price", options.price)],
    ...(options.allowHost ?? []).flatMap((name) => ["--allow-host", name]),
    ...flag("--base-path", options.basePath || undefined),
  ];
  add(
    "serve",
    () => serve,
    (line) => {
      noteAddress(paths, line, live === null ? againCommand() : "");
      process.stdout.write(`Tidemark ${live === null ? "(REPLAY) " : ""}is at ${line}\n`);
    },
  );

  try {
    await done.promise;
  } finally {
    logger.info("stopping");
    // The feed before what plays it: a replay that ends before its client would be recorded as an outage.
    for (const name of ["produce", "replay"]) await children.find((child) => child.options.name === name)?.stop();
    await Promise.all(children.map((child) => child.stop()));
  }
}

/** The newest trade of each product in the log, for `replay --after`: a second start continues there. */
async function lastTradeIds(
  url: string,
  paths: DataPaths,
  products: string[],
  logger: CommandContext["logger"],
): Promise<string[]> {
  const log = await openLog(url, paths, { role: "reader", logger });
  try {
    const recent = await recentTrades(log);
    const all = [...(await olderTrades(log, products, recent)), ...recent];
    const newest = new Map(all.map(({ product_id, trade_id }) => [product_id, trade_id]));
    return [...newest].map(([product_id, trade_id]) => `${product_id}:${trade_id}`);
  } finally {
    await log.close();
  }
}

function script(name: string): string {
  return resolve(SCRIPTS, `${name}.ts`);
}

function flag(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [name, value];
}
