/** Finds out what listens at a broker's address, so that an error can name it. */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { onAbort } from "../../base/wait.ts";
import { KAFKA_PROBE_MS } from "./kafka-limits.ts";

export interface Listener {
  /** False if it accepts connections but speaks neither Kafka's protocol nor TLS. */
  kafka: boolean;
  tls: boolean;
  /** The login mechanisms that it offers; null if it has no logins, [] if that is unknown. */
  mechanisms: string[] | null;
}

/** Keys of the requests, and an error code: https://kafka.apache.org/protocol. */
const API_VERSIONS = 18;
const SASL_HANDSHAKE = 17;
const NOT_A_LOGIN_LISTENER = 34;
/** Far above both responses; a longer one is not from a Kafka broker. */
const RESPONSE_BYTES_MAX = 65_536;

/**
 * What listens at `host:port`; null if nothing accepts the connection, or it sends nothing, as a
 * broker that hangs. Takes at most twice KAFKA_PROBE_MS.
 */
export async function probe(broker: string): Promise<Listener | null> {
  const { host, port } = addressOf(broker);
  const plain = await listenerOf(() => connect({ host, port }), "connect");
  if (plain === "silence") return null;
  if (plain !== "no response") return { kafka: true, tls: false, mechanisms: plain };
  // The certificate is not checked: nothing secret is sent.
  const tls = await listenerOf(() => connectTls({ host, port, rejectUnauthorized: false }), "secureConnect");
  if (tls === "silence") return { kafka: false, tls: false, mechanisms: [] };
  return { kafka: true, tls: true, mechanisms: tls === "no response" ? [] : tls };
}

/** Host and port of `host:port`, an IPv6 address without its brackets. */
function addressOf(broker: string): { host: string; port: number } {
  const at = broker.lastIndexOf(":");
  return { host: broker.slice(0, at).replace(/^\[(.*)\]$/, "$1"), port: Number(broker.slice(at + 1)) };
}

/**
 * Mechanisms as in Listener; "silence" without a connection or any bytes, "no response" if it
 * closed or sent something else.
 */
async function listenerOf(open: () => Socket, ready: string): Promise<string[] | null | "silence" | "no response"> {
  const socket = open();
  const timeout = AbortSignal.timeout(KAFKA_PROBE_MS);
  try {
    const connected = await Promise.race([
      new Promise<boolean>((resolve) => socket.once(ready, () => resolve(true))),
      endOf(socket, timeout).then(() => false),
    ]);
    if (!connected) return "silence";
    const versions = await exchange(socket, frame(API_VERSIONS, 0, ""), timeout);
    if (versions === null) return timeout.aborted ? "silence" : "no response";
    const handshake = await exchange(socket, frame(SASL_HANDSHAKE, 1, "NONE"), timeout);
    return handshake === null ? [] : mechanismsOf(handshake);
  } finally {
    socket.destroy();
  }
}

function frame(key: number, version: number, text: string): Buffer {
  const body = text === "" ? Buffer.alloc(0) : Buffer.concat([int16(text.length), Buffer.from(text)]);
  const head = Buffer.concat([int16(key), int16(version), int32(key), int16(-1)]);
  return Buffer.concat([int32(head.length + body.length), head, body]);
}

/** The response's body, or null without one that belongs to the request. */
async function exchange(socket: Socket, request: Buffer, timeout: AbortSignal): Promise<Buffer | null> {
  let got = Buffer.alloc(0);
  const whole = new Promise<Buffer | null>((resolve) => {
    const take = (bytes: Buffer) => {
      got = Buffer.concat([got, bytes]);
      if (got.length < 8) return;
      const end = 4 + got.readUInt32BE(0);
      const isOurs = end <= RESPONSE_BYTES_MAX && got.readInt32BE(4) === request.readInt16BE(4);
      if (isOurs && got.length < end) return;
      socket.off("data", take);
      resolve(isOurs ? got.subarray(8, end) : null);
    };
    socket.on("data", take);
  });
  socket.write(request);
  return Promise.race([whole, endOf(socket, timeout).then(() => null)]);
}

function mechanismsOf(body: Buffer): string[] | null {
  if (body.readInt16BE(0) === NOT_A_LOGIN_LISTENER) return null;
  const names: string[] = [];
  for (let at = 6; at + 2 <= body.length && names.length < body.readInt32BE(2); ) {
    const length = body.readInt16BE(at);
    names.push(body.toString("utf8", at + 2, at + 2 + length));
    at += 2 + length;
  }
  return names;
}

function endOf(socket: Socket, timeout: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve();
    for (const event of ["error", "end", "close"]) socket.once(event, () => resolve());
    onAbort(timeout, resolve);
  });
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
