/** Bad networks: unknown names, no TLS, refused handshakes, frames in pieces and as bytes. */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import net from "node:net";
import { ack, produce, tick } from "../support/feed.ts";

/** A WebSocket server written by hand: it sends the chunks as they are after the client's subscription. */
async function handmade(chunks: Uint8Array[]) {
  const server = net.createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", (head) => {
      const key = /sec-websocket-key: (\S+)/i.exec(head.toString())![1]!;
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      socket.once("data", () => {
        for (const chunk of chunks) socket.write(chunk);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `ws://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  return { url, [Symbol.asyncDispose]: async () => void server.close() };
}

/** One frame of the protocol (RFC 6455, 5.2): opcode 1 text, 2 bytes, 0 continuation, 9 ping, 8 close. */
function frame(opcode: number, payload: string | Uint8Array, isLast = true): Buffer {
  const body = Buffer.from(payload as string);
  const size = body.length < 126 ? [body.length] : [126, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([(isLast ? 0x80 : 0) | opcode, ...size]), body]);
}

const CLOSE = frame(8, new Uint8Array([0x03, 0xe8]));

test("frames in fragments, with pings between them, as bytes, several in one packet and one byte at a time", async () => {
  const text = JSON.stringify(tick(1));
  const chunks = [
    frame(1, JSON.stringify(ack(["BTC-USD"]))),
    ...[frame(1, text.slice(0, 40), false), frame(9, "are you there"), frame(0, text.slice(40, 41), false)],
    frame(0, text.slice(41)),
    frame(2, JSON.stringify(tick(2))),
    Buffer.concat([frame(1, JSON.stringify(tick(3))), frame(1, JSON.stringify(tick(4)))]),
    ...[...frame(1, JSON.stringify(tick(5)))].map((byte) => new Uint8Array([byte])),
    CLOSE,
  ];
  await using server = await handmade(chunks);
  const { ids, counts, error } = await produce(server.url);
  expect(error).toBeNull();
  expect(ids).toEqual([1, 2, 3, 4, 5]);
  expect(counts).toMatchObject({ reconnects: 0, garbled: 0 });
});

test("a feed that is not there yet: its first refusal makes no warning, and no connection was lost", async () => {
  const stop = new AbortController();
  let waits = 0;
  const random = () => {
    if (++waits === 3) stop.abort();
    return 0;
  };
  const options = { until_end: false, signal: stop.signal, backoff: { base_ms: 1, cap_ms: 1, gap_ms: 1, random } };
  const { warnings, counts } = await produce("ws://127.0.0.1:1", options);
  expect([waits, counts.reconnects]).toEqual([3, 0]);
  expect(warnings.map((text) => text.includes("ECONNREFUSED"))).toEqual([true, true]);
});

test("a feed that can't be reached: the sentence names the cause", async () => {
  await using plain = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("", { status: 404 }) });
  const cases: [string, RegExp][] = [
    ["ws://no-such-host.invalid", /no-such-host\.invalid/],
    ["ws://127.0.0.1:1", /ECONNREFUSED/],
    [`wss://127.0.0.1:${plain.port}`, /SSL|TLS|certificate/i],
    [`ws://127.0.0.1:${plain.port}`, /404|101/],
  ];
  for (const [url, words] of cases) {
    const { error } = await produce(url, { give_up_ms: 20 });
    expect(error).toMatchObject({ code: "FEED_UNREACHABLE" });
    expect((error as Error).message).toMatch(words);
  }
}, 120_000);
