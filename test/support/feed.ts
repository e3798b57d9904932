/** For the feed's tests: the simulator, a producer into memory, a plain client, a scripted server. */

import { createLogger } from "../../scripts/base/logger.ts";
import type { AppendRecord } from "../../scripts/contract/log.ts";
import { type Recorded, readLine } from "../../scripts/simulator/exchange-frames.ts";
import { type ExchangeOptions, startExchange } from "../../scripts/simulator/exchange-server.ts";
import { type ProduceOptions, Producer } from "../../scripts/stages/produce.ts";
import { recordedLines } from "./data.ts";

export const HOUR: Recorded[] = recordedLines().map((line) => {
  const read = readLine(line);
  if (typeof read !== "object") throw new Error(line);
  return read;
});

/** The simulator at full speed over the first `trades` of the recorded hour. */
export function exchange(options: Partial<ExchangeOptions> & { trades?: number } = {}) {
  const recorded = HOUR.slice(0, options.trades ?? HOUR.length);
  const defaults = {
    recorded,
    speed: Number.POSITIVE_INFINITY,
    loop: false,
    after: 0,
    host: "127.0.0.1",
    port: 0,
    linger_ms: 200,
  };
  const started = startExchange({ ...defaults, ...options });
  return Object.assign(started, { [Symbol.asyncDispose]: () => started.stop() });
}

export type Produced = Awaited<ReturnType<typeof produce>>;

/** Produces into memory until the feed's end, the signal or an error. Connect waits are short. */
export async function produce(
  url: string,
  options: Partial<ProduceOptions> & { signal?: AbortSignal; resume?: AppendRecord[] } = {},
) {
  const records: AppendRecord[] = [];
  const lines: string[] = [];
  const logger = createLogger("test", { verbose: false });
  logger.level = "silent";
  const warnings: string[] = [];
  logger.warn = ((text: string) => void warnings.push(text)) as typeof logger.warn;
  const producer = new Producer({
    kind: "replay",
    url,
    channel: "ticker",
    products: ["BTC-USD"],
    heartbeats: false,
    until_end: true,
    rest_url: url.replace("ws:", "http:"),
    status_path: null,
    logger,
    backoff: { base_ms: 1, cap_ms: 5, gap_ms: 1 },
    refusal_ms: 100,
    reply_ms: 300,
    ...options,
  });
  const latencies_us: number[] = [];
  const { onLatency } = producer.feed.figures;
  producer.feed.figures.onLatency = (latency_us, received_us) => {
    latencies_us.push(latency_us);
    onLatency(latency_us, received_us);
  };
  let error: unknown = null;
  try {
    await producer.run(async (batch) => void records.push(...batch), options.signal ?? new AbortController().signal);
  } catch (thrown) {
    error = thrown;
  }
  for (const { value } of records) lines.push(Buffer.from(value).toString());
  return {
    records,
    lines,
    warnings,
    error,
    counts: producer.counts,
    figures: producer.feed.figures,
    /** Of each trade whose latency was measured. */
    latencies_us,
    ids: ids(lines),
    outages: notes(lines, "tidemark_outage"),
    /** Ids noted as never issued, in the order of the notes. */
    unissued: notes(lines, "tidemark_unissued").map((one) => [one.first_trade_id, one.last_trade_id]),
  };
}

function ids(lines: string[]): number[] {
  return lines
    .map((line) => /"type":"ticker".*"trade_id":(\d+)/.exec(line)?.[1])
    .flatMap((id) => (id === undefined ? [] : [Number(id)]));
}

function notes(lines: string[], type: string): Record<string, unknown>[] {
  return lines.filter((line) => line.includes(`"type":"${type}"`)).map((line) => JSON.parse(line));
}

export interface Session {
  /** Counts from 1. */
  connection: number;
  socket: Bun.ServerWebSocket<{ connection: number }>;
  /** Products of the client's subscription. */
  asked: string[];
  send(...frames: (string | object)[]): void;
}

/** A server that answers each subscription by script: for what no honest exchange does. */
export function scripted(onSubscribe: (session: Session) => void, onOpen: (session: Session) => void = () => {}) {
  let connections = 0;
  const times: number[] = [];
  const session = (socket: Session["socket"], asked: string[] = []): Session => ({
    connection: socket.data.connection,
    socket,
    asked,
    send: (...frames) => {
      for (const frame of frames) socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
    },
  });
  const server = Bun.serve<{ connection: number }>({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, self) =>
      self.upgrade(request, { data: { connection: ++connections } }) ? undefined : new Response("", { status: 404 }),
    websocket: {
      open: (socket) => {
        times.push(performance.now());
        onOpen(session(socket));
      },
      message: (socket, text) => onSubscribe(session(socket, JSON.parse(String(text)).product_ids)),
    },
  });
  return {
    url: `ws://127.0.0.1:${server.port}`,
    times,
    connections: () => connections,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

/** The reply to a subscription. */
export function ack(product_ids: string[], channel = "ticker") {
  return { type: "subscriptions", channels: [{ name: channel, product_ids, account_ids: null }] };
}

export const ACK = ack(["BTC-USD"]);

/** The n-th tick of an invented tape, with other fields on request. */
export function tick(trade_id: number, fields: object = {}): object {
  const time = `2023-09-05T16:00:${String(trade_id % 60).padStart(2, "0")}.000000Z`;
  const own = {
    type: "ticker",
    sequence: trade_id + 2 ** 33,
    product_id: "BTC-USD",
    price: "21152.5",
    side: "buy",
    time,
    trade_id,
    last_size: "0.00000001",
  };
  return { ...own, ...fields };
}

/** The same trade as the matches channel has it, of a maker who sold. */
export function match(trade_id: number, fields: object = {}): object {
  const { last_size: size, ...rest } = tick(trade_id) as Record<string, unknown>;
  return { ...rest, type: "match", size, side: "sell", maker_order_id: "m", taker_order_id: "t", ...fields };
}

/** Bun 1.4.5's WebSocket has more than the web's. */
type BunWebSocket = WebSocket & { terminate(): void; pause(): void; resume(): void };

/** A plain client of the simulator: the frames that it received, in order. */
export async function client(url: string, ...messages: object[]) {
  const socket = new WebSocket(url) as BunWebSocket;
  const frames: Record<string, unknown>[] = [];
  const texts: string[] = [];
  const closed = Promise.withResolvers<{ code: number; reason: string }>();
  socket.onmessage = ({ data }) => {
    texts.push(String(data));
    frames.push(JSON.parse(String(data)));
  };
  socket.onclose = ({ code, reason }) => closed.resolve({ code, reason });
  await new Promise((resolve) => {
    socket.onopen = resolve;
  });
  const say = (message: object) => socket.send(JSON.stringify(message));
  for (const message of messages) say(message);
  const of = (type: string) => frames.filter((frame) => frame.type === type);
  return { socket, frames, texts, say, of, closed: closed.promise, [Symbol.dispose]: () => socket.terminate() };
}

export const SUBSCRIBE = { type: "subscribe", product_ids: ["BTC-USD"], channels: ["ticker"] };
