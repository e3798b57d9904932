/** One client of the stand-in: what it has subscribed to, and what its messages are answered with (feed.md "On subscribing"). */

import { asMatch } from "../message/index.ts";
import type { Tape } from "./player.ts";
import { RateLimit } from "./trades-api.ts";

const CHANNELS = ["ticker", "matches", "heartbeat"] as const;
export type Channel = (typeof CHANNELS)[number];

export interface Client {
  /** Counts from 1. */
  connection: number;
  /** Channels by product. */
  wants: Map<string, Set<Channel>>;
  /** Index of the next trade to send; −1 before it has subscribed and after it has gone. */
  place: number;
  /** Frames of trades sent. */
  sent: number;
  /** The socket takes no more for now. */
  stalled: boolean;
  /** The next burst is on its way. */
  scheduled: boolean;
  /** By a fault: nothing is sent any more. */
  silent: boolean;
  /** Until it has subscribed. */
  timer: Timer | null;
  /** The exchange takes 100 messages a second. */
  rate: RateLimit;
}

export function newClient(): Client {
  const rate = new RateLimit(100, 100);
  const flags = { stalled: false, scheduled: false, silent: false };
  return { connection: 0, wants: new Map(), place: -1, sent: 0, ...flags, timer: null, rate };
}

/** Takes one message of the client and returns the frames that answer it. */
export function receive(client: Client, text: string, tape: Tape): string[] {
  if (!client.rate.take()) return [errorFrame("Too many messages", "100 a second are allowed")];
  let message: Record<string, unknown> | null = null;
  try {
    message = JSON.parse(text);
  } catch {}
  if (typeof message !== "object" || message === null)
    return [errorFrame("Malformed JSON", "a JSON object is expected")];
  if (message.type === "subscribe") return subscribe(client, message, tape);
  if (message.type === "unsubscribe") return unsubscribe(client, message, tape);
  return [errorFrame("Malformed message", `type ${JSON.stringify(message.type)} is not known`)];
}

function subscribe(client: Client, message: Record<string, unknown>, tape: Tape): string[] {
  const errors: string[] = [];
  const fresh: [Channel, string][] = [];
  let known = false;
  for (const { name, products } of asked(message)) {
    const channel = CHANNELS.find((one) => one === name);
    if (channel === undefined) errors.push(errorFrame("Failed to subscribe", `${name} is not a valid channel`));
    else if (products.length === 0)
      errors.push(errorFrame("Failed to subscribe", `${name} needs at least one product`));
    else {
      for (const product of products) {
        if (!tape.products.has(product)) {
          errors.push(errorFrame("Failed to subscribe", `${product} is not a valid product`));
          continue;
        }
        known = true;
        const channels = client.wants.get(product) ?? new Set();
        if (!channels.has(channel)) fresh.push([channel, product]);
        client.wants.set(product, channels.add(channel));
      }
    }
  }
  if (!known) return errors.length > 0 ? errors : [errorFrame("Failed to subscribe", "no channels are named")];
  return [
    ...errors,
    subscriptions(client, tape),
    ...fresh.flatMap(([channel, product]) => lastTrade(channel, product, tape)),
  ];
}

/** The last trade already made comes first. */
function lastTrade(channel: Channel, product: string, tape: Tape): string[] {
  const last = channel === "heartbeat" ? null : tape.last(product);
  if (last === null) return [];
  return [channel === "ticker" ? last.line : asMatch(last.line, "last_match")];
}

function unsubscribe(client: Client, message: Record<string, unknown>, tape: Tape): string[] {
  for (const { name, products } of asked(message)) {
    for (const product of products.length > 0 ? products : [...client.wants.keys()]) {
      const channels = client.wants.get(product);
      channels?.delete(name as Channel);
      if (channels?.size === 0) client.wants.delete(product);
    }
  }
  return [subscriptions(client, tape)];
}

/** All channels so far, with their products; and what only a replay has, its speed (null: as fast as it is read), for the client's figures. */
function subscriptions(client: Client, tape: Tape): string {
  const channels = CHANNELS.map((name) => ({
    name,
    product_ids: [...client.wants].filter(([, wants]) => wants.has(name)).map(([product]) => product),
    account_ids: null,
  }));
  const tidemark_replay = { speed: tape.paced ? tape.speed : null };
  const named = channels.filter(({ product_ids }) => product_ids.length > 0);
  return JSON.stringify({ type: "subscriptions", channels: named, tidemark_replay });
}

function asked(message: Record<string, unknown>): { name: string; products: string[] }[] {
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

function errorFrame(message: string, reason: string): string {
  return JSON.stringify({ type: "error", message, reason });
}
