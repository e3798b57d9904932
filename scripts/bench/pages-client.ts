/**
 * A process that opens many pages' event streams: `pages-client.ts URL PAGES SECONDS`. It prints, as
 * JSON, the updates of windows per second (median page), and how long after the first page the others
 * had the same update (p99, ms; null with too few).
 */
import { monotonicMs } from "../base/clock.ts";
import { median } from "../base/median.ts";
import { percentile } from "../measure/statistics.ts";

const decoder = new TextDecoder("latin1");
/** Until then pages are being opened, and each gets its snapshot. */
const SETTLE_MS = 1_000;

async function listen(url: string, pages: number, seconds: number): Promise<void> {
  const { hostname, port, host } = new URL(url);
  /** When each page had an update, by its id. */
  const arrivals = new Map<string, number[]>();
  const updates = new Uint32Array(pages);
  let from_ms = Number.POSITIVE_INFINITY;
  const hear = (page: number, chunk: Uint8Array) => {
    const now_ms = monotonicMs();
    if (now_ms < from_ms) return;
    for (const [, id] of decoder.decode(chunk).matchAll(/^event: windows\nid: (.+)$/gm)) {
      updates[page] = updates[page]! + 1;
      const times = arrivals.get(id!) ?? [];
      arrivals.set(id!, times);
      times.push(now_ms);
    }
  };
  const opened = Array.from({ length: pages }, (_, page) =>
    Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        open: (socket) =>
          void socket.write(`GET /events HTTP/1.1\r\nHost: ${host}\r\nAccept: text/event-stream\r\n\r\n`),
        data: (_socket, chunk) => hear(page, chunk),
      },
    }),
  );
  const sockets = await Promise.all(opened);
  await Bun.sleep(SETTLE_MS);
  from_ms = monotonicMs();
  await Bun.sleep(seconds * 1_000);
  const spent_s = (monotonicMs() - from_ms) / 1_000;
  from_ms = Number.POSITIVE_INFINITY;
  for (const socket of sockets) socket.terminate();
  const spreads = [...arrivals.values()].flatMap((times) => times.map((ms) => ms - Math.min(...times)));
  const per_second = median([...updates].map((count) => count / spent_s));
  const summary = { per_second, p99_ms: percentile(spreads, 0.99) };
  process.stdout.write(`${JSON.stringify(summary)}\n`);
  process.exit(0);
}

if (import.meta.main) {
  const [url, pages, seconds] = process.argv.slice(2);
  await listen(url!, Number(pages), Number(seconds));
}
