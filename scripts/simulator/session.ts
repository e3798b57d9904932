/** One client's session: subscriptions, and replies to its messages (docs/feed.md "Subscribing"). */
import { errorFrame, matchFrame } from "./exchange-frames.ts";
import type { Player } from "./player.ts";
import { RateLimit } from "./trades-api.ts";

const CHANNELS = ["ticker", "matches", "heartbeat"] as const;
export type Channel = (typeof CHANNELS)[number];

/** Messages that the exchange takes from a client per second (docs/feed.md "Limits"). */
const MESSAGES_PER_SECOND_MAX = 100;

export interface Session {
  /** Counts from 1. */
  connection: number;
  /** Channels by product. */
  wants: Map<string, Set<Channel>>;
  /** Index of the next trade to send; −1 before the subscription and after the close. */
  position: number;
  /** Frames of trades sent. */
  sent: number;
  /** The socket takes no more for now. */
  stalled: boolean;
  /** The next burst is scheduled. */
  scheduled: boolean;
  /** By a fault: nothing is sent any more. */
  silent: boolean;
  /** Closes the connection unless it subscribes in time. */
  timer: Timer | null;
  rate: RateLimit;
}

export function newSession(): Session {
  const rate = new RateLimit(MESSAGES_PER_SECOND_MAX, MESSAGES_PER_SECOND_MAX);
  const flags = { stalled: false, scheduled: false, silent: false };
  return { connection: 0, wants: new Map(), position: -1, sent: 0, ...flags, timer: null, rate };
}

/** Takes one message of the client; returns the frames to reply with, in order. */
export function receive(session: Session, text: string, player: Player): string[] {
  if (!session.rate.take()) return [errorFrame("Too many messages", `${MESSAGES_PER_SECOND_MAX} a second are allowed`)];
  let message: Record<string, unknown> | null = null;
  try {
    message = JSON.parse(text);
  } catch {}
  if (typeof message !== "object" || message === null)
    return [errorFrame("Malformed JSON", "a JSON object is expected")];
  if (message.type === "subscribe") return subscribe(session, message, player);
  if (message.type === "unsubscribe") return unsubscribe(session, message, player);
  return [errorFrame("Malformed message", `type ${JSON.stringify(message.type)} is not known`)];
}

function subscribe(session: Session, message: Record<string, unknown>, player: Player): string[] {
  const errors: string[] = [];
  const fresh: [Channel, string][] = [];
  let isAnyValid = false;
  for (const { name, products } of requested(message)) {
    const channel = CHANNELS.find((one) => one === name);
    if (channel === undefined) errors.push(errorFrame("Failed to subscribe", `${name} is not a valid channel`));
    else if (products.length === 0)
      errors.push(errorFrame("Failed to subscribe", `${name} needs at least one product`));
    else {
      for (const product of products) {
        if (!player.products.has(product)) {
          errors.push(errorFrame("Failed to subscribe", `${product} is not a valid product`));
          continue;
        }
        isAnyValid = true;
        const channels = session.wants.get(product) ?? new Set();
        if (!channels.has(channel)) fresh.push([channel, product]);
        session.wants.set(product, channels.add(channel));
      }
    }
  }
  if (!isAnyValid) return errors.length > 0 ? errors : [errorFrame("Failed to subscribe", "no channels are named")];
  const lastTrades = fresh.flatMap(([channel, product]) => lastTrade(channel, product, player));
  return [...errors, subscriptions(session, player), ...lastTrades];
}

/** The last trade that was already made comes first. */
function lastTrade(channel: Channel, product: string, player: Player): string[] {
  const last = channel === "heartbeat" ? null : player.last(product);
  if (last === null) return [];
  return [channel === "ticker" ? last.line : matchFrame(last.line, "last_match")];
}

function unsubscribe(session: Session, message: Record<string, unknown>, player: Player): string[] {
  for (const { name, products } of requested(message)) {
    for (const product of products.length > 0 ? products : [...session.wants.keys()]) {
      const channels = session.wants.get(product);
      channels?.delete(name as Channel);
      if (channels?.size === 0) session.wants.delete(product);
    }
  }
  return [subscriptions(session, player)];
}

/**
 * All channels so far with their products. Of a replay alone, for the client's latency: its speed
 * (null: as fast as the client reads), and how far the exchange's stamps are ahead of the recording's
 * clock.
 */
function subscriptions(session: Session, player: Player): string {
  const channels = CHANNELS.map((name) => ({
    name,
    product_ids: [...session.wants].filter(([, wants]) => wants.has(name)).map(([product]) => product),
    account_ids: null,
  }));
  const tidemark_replay = { speed: player.paced ? player.speed : null, ahead_us: player.ahead_us };
  const named = channels.filter(({ product_ids }) => product_ids.length > 0);
  return JSON.stringify({ type: "subscriptions", channels: named, tidemark_replay });
}

/** The channels that a message names, each with its own products or those of the whole message. */
function requested(message: Record<string, unknown>): { name: string; products: string[] }[] {
  const all = strings(message.product_ids);
  const channels: unknown[] = Array.isArray(message.channels) ? message.channels : [];
  return channels.map((channel) => {
    if (typeof channel === "string") return { name: channel, products: all };
    const { name, product_ids } = (channel ?? {}) as Record<string, unknown>;
    return { name: String(name), products: product_ids === undefined ? all : strings(product_ids) };
  });
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
