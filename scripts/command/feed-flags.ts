/** Flags of the commands that read a feed or play one. */
import { type Flag, invalid } from "./cli.ts";
import { signedDurationFlag, wholeNumber } from "./flags.ts";

const LIVE_FEED = "wss://ws-feed.exchange.coinbase.com";

export const FEED_FLAG: Flag = {
  flags: "--feed <url>",
  description: "the exchange's WebSocket; one on this machine is a replay",
  env: "TIDEMARK_FEED",
  parse: feedUrl,
  default: LIVE_FEED,
};

export const PRODUCTS_FLAG: Flag = {
  flags: "--products <ids>",
  description: "products, separated by commas",
  env: "TIDEMARK_PRODUCTS",
  parse: productIds,
  default: "BTC-USD",
};

export const CHANNEL_FLAG: Flag = {
  flags: "--channel <name>",
  description: "ticker, or matches for the full tape",
  env: "TIDEMARK_CHANNEL",
  choices: ["ticker", "matches"],
  default: "ticker",
};

export const REST_FLAG: Flag = {
  flags: "--rest <url>",
  description: "where gaps of the full tape are filled from (default: the feed's own)",
  env: "TIDEMARK_REST",
};

export const HEARTBEATS_FLAG: Flag = {
  flags: "--heartbeats",
  description: "put the feed's heartbeats into the log too: they close the windows of quiet products",
  env: "TIDEMARK_HEARTBEATS",
};

export const AFTER_FLAG: Flag = {
  flags: "--after <ids>",
  description: "begin after this trade id, or per product: BTC-USD:123,ETH-USD:45",
  parse: afterIds,
  default: "0",
};

export const LOOP_FLAG: Flag = {
  flags: "--loop",
  description: "repeat the recording without an end; times and trade ids keep rising",
};

export const AGAIN_FLAG: Flag = {
  flags: "--again",
  description: "play on after what was played: the rest of that round, or the recording once more, with later times",
};

export const SKEW_FLAG: Flag = {
  flags: "--skew <duration>",
  description: "set the exchange's clock ahead (2s) or behind (-2s): its stamps and GET /time",
  parse: signedDurationFlag,
};

export const HISTORY_FLAG: Flag = {
  flags: "--history <n>",
  description: "trades before the recording's first one that REST has, 10 s apart; the recording's ids follow theirs",
  parse: wholeNumber(0, 10_000_000),
  default: "0",
};

/** What these flags leave in a command's options. */
export interface FeedFlags {
  feed: string;
  channel: "ticker" | "matches";
  products: string[];
  heartbeats?: boolean;
  untilEnd?: boolean;
}

/** The flags as the options of the producing stage. */
export function feedOptions({ feed, channel, products, heartbeats = false, untilEnd = false }: FeedFlags) {
  const kind: "live" | "replay" = isReplay(feed) ? "replay" : "live";
  return { kind, url: feed, channel, products, heartbeats, until_end: untilEnd };
}

/** `BTC-USD,ETH-USD` as a list, each once. */
export function productIds(text: string): string[] {
  const ids = [...new Set(text.split(",").map((id) => id.trim()))];
  const wrong = ids.find((id) => !/^[A-Za-z0-9._-]{1,64}$/.test(id));
  if (wrong !== undefined) throw invalid(`"${wrong}" is not a valid product name; use for example BTC-USD,ETH-USD.`);
  return ids;
}

function feedUrl(text: string): string {
  if (!/^wss?:\/\//.test(text) || !URL.canParse(text)) throw invalid("Use a ws:// or wss:// address.");
  return text;
}

/** A feed on this machine is a replay (docs/semantics.md "Live and replay"). */
export function isReplay(url: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);
}

/** Parses `123` or `BTC-USD:123,ETH-USD:45`: one trade id for all products, or one per product. */
export function afterIds(text: string): number | ReadonlyMap<string, number> {
  const parts = text.split(",").map((part) => /^(?:(.{1,64}):)?(\d{1,15})$/.exec(part));
  if (parts.length === 1 && parts[0] && parts[0][1] === undefined) return Number(parts[0][2]);
  if (parts.some((part) => part?.[1] === undefined))
    throw invalid("Use a trade id, or one per product: BTC-USD:123,ETH-USD:45.");
  return new Map(parts.map((part) => [part![1]!, Number(part![2])]));
}

/** Parses `1`, `60` or `max`, which is Infinity. */
export function speed(text: string): number {
  const value = text === "max" ? Number.POSITIVE_INFINITY : Number(text.replace(/x$/, ""));
  if (!(value > 0) || text.trim() === "") throw invalid("Use a number above 0, or max.");
  return value;
}
