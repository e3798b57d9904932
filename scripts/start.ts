/** `bun run start`: every stage as a child process, on the live feed or, where that can't be reached, on the bundled recording. */
import { resolve } from "node:path";
import { type CommandContext, type CommandSpec, given, runCommand } from "./common/cli.ts";
import { TidemarkError } from "./common/errors.ts";
import { FEED_FIRST_CONNECT_MS } from "./common/limits.ts";
import {
  claimKind,
  DATA_FLAG,
  type DataPaths,
  durationFlag,
  LOG_FLAG,
  openDataDir,
  wholeNumber,
} from "./common/settings.ts";
import { lockStage } from "./common/stage-lock.ts";
import { CHANNEL_FLAG, FEED_FLAG, HEARTBEATS_FLAG, isReplay, PRODUCTS_FLAG, productIds, speed } from "./feed/flags.ts";
import { olderTrades, recentTrades } from "./feed/resume.ts";
import { openLog, parseLogUrl } from "./log/open.ts";
import { Child } from "./supervisor/child.ts";

interface StartOptions {
  data: string;
  log: string;
  replay?: string | true;
  speed: string;
  port: string | number;
  host: string;
  products: string;
  channel: string;
  heartbeats?: boolean;
  feed: string;
  every?: number;
  window?: string;
  lateness?: string;
}

const RECORDING = resolve(import.meta.dir, "../data/recordings/coinbase-btc-usd-2023-09-05T16.jsonl.gz");
const RECORDED_PRODUCT = "BTC-USD";

export const spec: CommandSpec<StartOptions> = {
  name: "start",
  summary: "Starts everything and prints the page's address. Without the live feed it plays the bundled recording.",
  flags: [
    DATA_FLAG,
    LOG_FLAG,
    {
      flags: "--replay [file]",
      description: "play a recording (the bundled one) instead of the live feed",
      env: "TIDEMARK_REPLAY",
    },
    {
      flags: "--speed <n>",
      description: "the recording's speed: 30 plays a minute in two seconds; max as fast as it goes",
      env: "TIDEMARK_SPEED",
      parse: checked(speed),
      default: "30",
    },
    {
      flags: "--port <port>",
      description: "the page's port; 0 takes any free one",
      env: "TIDEMARK_PORT",
      parse: wholeNumber(0, 65_535),
      default: "8321",
    },
    { flags: "--host <address>", description: "the page's address", env: "TIDEMARK_HOST", default: "127.0.0.1" },
    { ...PRODUCTS_FLAG, parse: checked(productIds) },
    CHANNEL_FLAG,
    HEARTBEATS_FLAG,
    FEED_FLAG,
    {
      flags: "--every <duration>",
      description: "how often the batch runs (1m live, 5s in a replay)",
      env: "TIDEMARK_EVERY_BATCH",
      parse: durationFlag,
    },
    {
      flags: "--window <sizes>",
      description: "window sizes for the stream",
      env: "TIDEMARK_WINDOW",
      parse: checked((text) => text.split(",").map(durationFlag)),
    },
    {
      flags: "--lateness <duration>",
      description: "allowed lateness for the stream",
      env: "TIDEMARK_LATENESS",
      parse: checked(durationFlag),
    },
  ],
  examples: [
    "bun run start",
    "bun run start --replay --speed 100",
    "bun run start --products BTC-USD,ETH-USD --port 9000",
  ],
  async run(options, context) {
    parseLogUrl(options.log);
    const feed = options.replay ? null : await reachable(options.feed, context);
    const replay = feed === null || isReplay(feed);
    const paths = openDataDir(replay ? `${options.data}/replay` : options.data);
    claimKind(paths, replay ? "replay" : "live");
    if (replay)
      context.logger.info(`what is played is stored in ${paths.root}: other commands see it with --data ${paths.root}`);
    const release = lockStage(paths, "start");
    try {
      return await supervise(options, paths, feed, context);
    } finally {
      release();
    }
  },
};

/** Runs the children until a signal, or until one is given up. */
async function supervise(
  options: StartOptions,
  paths: DataPaths,
  live: string | null,
  { logger, signal }: CommandContext,
) {
  const done = Promise.withResolvers<number>();
  void given(signal).then(() => done.resolve(0));
  const verbose = process.argv.includes("--verbose") ? ["--verbose"] : [];
  const where = ["--data", paths.root, "--log", options.log, ...verbose];
  const children: Child[] = [];
  const add = (name: string, command: () => string[] | Promise<string[]>, onLine?: (line: string) => void) => {
    const onEnd = (why: "done" | "given up") => {
      if (why === "given up") done.resolve(1);
      else if (name === "produce") logger.info("the recording has ended: all of it is on the page, which stays open");
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
    const file = typeof options.replay === "string" ? options.replay : RECORDING;
    if (file === RECORDING && products !== RECORDED_PRODUCT) {
      logger.warn(`The bundled recording holds ${RECORDED_PRODUCT} only: playing that instead of ${products}.`);
      products = RECORDED_PRODUCT;
    }
    const replayed = async () => {
      const played = await lastTradeIds(options.log, paths, productIds(products), logger);
      const after = played.length > 0 ? ["--after", played.join(",")] : [];
      return [file, "--port", port, "--speed", options.speed, ...after, ...verbose];
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
    return [...where, ...source, ...heartbeats, ...(live === null ? ["--until-end"] : [])];
  });
  const every = options.every === undefined ? (live === null ? "5s" : "1m") : `${options.every / 1000}ms`;
  add("schedule", () => ["--data", paths.root, "--every", every, "--watch", ...verbose]);
  const serve = [...where, "--port", String(options.port), "--host", options.host];
  add(
    "serve",
    () => serve,
    (line) => process.stdout.write(`Tidemark ${live === null ? "(REPLAY) " : ""}is at ${line}\n`),
  );

  const code = await done.promise;
  logger.info("stopping");
  // The feed first, then what plays it: a replay that goes away under its client would be an outage.
  for (const name of ["produce", "replay"]) await children.find((child) => child.options.name === name)?.stop();
  await Promise.all(children.map((child) => child.stop()));
  return code;
}

/** The feed's URL when it answers in time; otherwise null, after saying so in one line. */
async function reachable(url: string, { logger, signal }: CommandContext): Promise<string | null> {
  logger.info(`trying ${url}`);
  const answer = Promise.withResolvers<string | null>();
  const socket = new WebSocket(url);
  const timer = setTimeout(
    () => answer.resolve(`no answer within ${FEED_FIRST_CONNECT_MS / 1000} s`),
    FEED_FIRST_CONNECT_MS,
  );
  void given(signal).then(() => answer.resolve("stopped"));
  socket.onopen = () => answer.resolve(null);
  socket.onerror = () => answer.resolve("it can't be connected to");
  socket.onclose = () => answer.resolve("it closed the connection");
  const why = await answer.promise;
  clearTimeout(timer);
  socket.close();
  if (why === null) return url;
  if (signal.aborted) throw new TidemarkError("FEED_UNREACHABLE", "Stopped before the feed answered.");
  logger.warn(`The live feed ${url} can't be reached (${why}): playing the bundled recording of 2023-09-05 as REPLAY.`);
  return null;
}

/** The newest trade of each product in the log, as `replay --after` takes it: a second start goes on there. */
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

/** A flag that is handed on as it was given, once it has been understood here: a child's complaint would come too late. */
function checked(parse: (text: string) => unknown): (text: string) => string {
  return (text) => {
    parse(text);
    return text;
  };
}

function script(name: string): string {
  return resolve(import.meta.dir, `${name}.ts`);
}

function flag(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [name, value];
}

await runCommand(spec, import.meta.main);
