/**
 * The sender of an open loop: `sender.ts RATE FRAMES FIRST` serves frames to the first
 * subscriber, each at its due time, and never waits for the reader. It prints its address, and at
 * SIGTERM a SenderSummary of the frames from FIRST on.
 */
import { nowUs } from "../base/clock.ts";
import { block } from "../base/wait.ts";
import { percentile } from "../measure/statistics.ts";
import { CLOSE, DueFrames, dueUs, frameHeader, TEXT } from "./due-frames.ts";
import { BUSY } from "./ticks.ts";

/** What the sender knows of its own run. */
export interface SenderSummary {
  /** When the first frame was due; 0: nobody subscribed. */
  start_us: number;
  /** Frames that were handed to the system. */
  frames: number;
  /** From a frame's due time until it was handed over; null with too few frames. */
  late_p99_ms: number | null;
  late_max_ms: number;
  /** CPU time ÷ time. */
  cpu_share: number;
}

/** From the subscription to the first frame: `count` frames are stamped in it. */
export function leadUs(count: number): number {
  return 200_000 + count * STAMP_US_PER_FRAME;
}

const STAMP_US_PER_FRAME = 1;
const POLL_MS = 0.2;
/** Polls between two turns of the event loop, in which the reader's messages and signals are received. */
const POLLS = 25;
const ACCEPT_KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const MASK_BYTES = 4;

interface Reader {
  received: Buffer;
  isUpgraded: boolean;
}

type Socket = Bun.Socket<Reader>;

class Sender {
  readonly frames: DueFrames;
  readonly #late_us: Float32Array;
  #start_us = 0;
  #handed = 0;
  #isStopped = false;
  #cpuShare = 0;

  constructor(
    private readonly rate: number,
    count: number,
    private readonly first: number,
  ) {
    this.frames = new DueFrames(count);
    this.#late_us = new Float32Array(count);
  }

  stop(): void {
    this.#isStopped = true;
  }

  summary(): SenderSummary {
    const late = this.#late_us.subarray(this.first, Math.max(this.first, this.#handed));
    const p99_us = percentile(late, 0.99);
    return {
      start_us: this.#start_us,
      frames: this.#handed,
      late_p99_ms: p99_us === null ? null : p99_us / 1_000,
      late_max_ms: late.reduce((max, us) => Math.max(max, us), 0) / 1_000,
      cpu_share: this.#cpuShare,
    };
  }

  /** Sends all frames, and the end as the exchange's simulator does. The first subscriber gets them. */
  async send(socket: Socket): Promise<void> {
    if (this.#start_us > 0) return;
    this.#start_us = nowUs() + leadUs(this.frames.count);
    this.frames.stamp(this.#start_us, this.rate);
    const { bytes, ends, count } = this.frames;
    let written = 0;
    let from = { cpu_us: cpuUs(), at_us: nowUs(), handed: 0 };
    while (written < bytes.length && !this.#isStopped) {
      for (let poll = 0; poll < POLLS && written < bytes.length; poll++) {
        const due = this.#dueAt(nowUs());
        const end = due === 0 ? 0 : ends[due - 1]!;
        // What a full socket does not take is offered again: the frames after it are due all the same.
        if (written < end) written += Math.max(0, socket.write(bytes, written, end - written));
        this.#hand(due);
        if (from.handed < this.first && due >= this.first) from = { cpu_us: cpuUs(), at_us: nowUs(), handed: due };
        if (due < count) block(POLL_MS);
      }
      this.#cpuShare = (cpuUs() - from.cpu_us) / Math.max(1, nowUs() - from.at_us);
      await new Promise(setImmediate);
    }
    socket.write(closeFrame("the recording has ended"));
  }

  #dueAt(now_us: number): number {
    const { count } = this.frames;
    const passed = Math.floor(((now_us - this.#start_us) * this.rate) / 1e6) + 1;
    return Math.min(count, Math.max(0, passed));
  }

  #hand(due: number): void {
    if (due === this.#handed) return;
    const now_us = nowUs();
    for (; this.#handed < due; this.#handed++)
      this.#late_us[this.#handed] = now_us - dueUs(this.#start_us, this.rate, this.#handed);
  }
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function closeFrame(reason: string): Uint8Array {
  const text = new TextEncoder().encode(reason);
  return Buffer.concat([frameHeader(CLOSE, text.length + 2), Uint8Array.of(1_000 >> 8, 1_000 & 255), text]);
}

/** Takes what the reader sends: its request, then its messages. */
function receive(socket: Socket, chunk: Buffer, sender: Sender): void {
  const { data } = socket;
  data.received = Buffer.concat([data.received, chunk]);
  if (!data.isUpgraded) upgrade(socket);
  for (let message = takeMessage(data); message !== null; message = takeMessage(data)) {
    if (!message.includes('"subscribe"')) continue;
    const channels = [{ name: "ticker", product_ids: BUSY.products, account_ids: null }];
    const text = JSON.stringify({ type: "subscriptions", channels, tidemark_replay: { speed: 1 } });
    socket.write(Buffer.concat([frameHeader(TEXT, text.length), Buffer.from(text)]));
    void sender.send(socket);
  }
}

/** Answers the opening handshake (RFC 6455, 4.2); another request finds nothing. */
function upgrade(socket: Socket): void {
  const { data } = socket;
  const end = data.received.indexOf("\r\n\r\n");
  if (end < 0) return;
  const key = /^sec-websocket-key: *(\S+)/im.exec(data.received.toString("latin1", 0, end))?.[1];
  data.received = data.received.subarray(end + 4);
  if (key === undefined) {
    socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    return;
  }
  const accept = new Bun.CryptoHasher("sha1").update(key + ACCEPT_KEY).digest("base64");
  data.isUpgraded = true;
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
}

/** The next message of the reader, unmasked; null when it is not complete. */
function takeMessage(data: Reader): string | null {
  const { received } = data;
  if (!data.isUpgraded || received.length < 2) return null;
  const short = received[1]! & 127;
  const head = short === 126 ? 4 : 2;
  if (received.length < head + MASK_BYTES) return null;
  const length = short === 126 ? received.readUInt16BE(2) : short;
  const from = head + MASK_BYTES;
  if (received.length < from + length) return null;
  const payload = Uint8Array.from(
    received.subarray(from, from + length),
    (byte, i) => byte ^ received[head + (i % 4)]!,
  );
  data.received = received.subarray(from + length);
  return new TextDecoder().decode(payload);
}

async function serve(rate: number, count: number, first: number): Promise<void> {
  const sender = new Sender(rate, count, first);
  const over = Promise.withResolvers<void>();
  const server = Bun.listen<Reader>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => {
        socket.data = { received: Buffer.alloc(0), isUpgraded: false };
      },
      data: (socket, chunk) => receive(socket, chunk, sender),
      close: () => {},
    },
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => {
      sender.stop();
      over.resolve();
    });
  process.stdout.write(`ws://127.0.0.1:${server.port}\n`);
  await over.promise;
  process.stdout.write(`${JSON.stringify(sender.summary())}\n`);
  process.exit(0);
}

if (import.meta.main) {
  const [rate, count, first] = process.argv.slice(2).map(Number);
  await serve(rate!, count!, first!);
}
