/** Flags that the feed's commands share. */
import { type Flag, invalid } from "../common/cli.ts";

export const LIVE_FEED = "wss://ws-feed.exchange.coinbase.com";

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

/** `BTC-USD,ETH-USD` as a list, each once. */
export function productIds(text: string): string[] {
  const ids = [...new Set(text.split(",").map((id) => id.trim()))];
  const wrong = ids.find((id) => !/^[A-Za-z0-9._-]{1,64}$/.test(id));
  if (wrong !== undefined) throw invalid(`"${wrong}" is no product's name; give for example BTC-USD,ETH-USD.`);
  return ids;
}

function feedUrl(text: string): string {
  if (!/^wss?:\/\//.test(text) || !URL.canParse(text)) throw invalid("Give a ws:// or wss:// address.");
  return text;
}

/** A feed on this machine is a replay: the exchange is never here (design.md "Feed"). */
export function isReplay(url: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);
}

/** `1`, `60`, `max`, for a flag; max is Infinity. */
export function speed(text: string): number {
  const value = text === "max" ? Number.POSITIVE_INFINITY : Number(text.replace(/x$/, ""));
  if (!(value > 0) || text.trim() === "") throw invalid("Give a number over 0, or max.");
  return value;
}
