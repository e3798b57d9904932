/**
 * A process that opens many pages' compressed event streams: `pages-client.ts URL PAGES SECONDS`. It
 * prints, as JSON, messages per second (median page), kilobytes per second (mean), and how long after
 * the first page the others had the same message (p99, ms; null with too few).
 */
import { monotonicMs } from "../base/clock.ts";
import { median } from "../base/median.ts";
import { percentile } from "../measure/statistics.ts";

/** Until then pages are being opened; from then on all of them get the same bytes. */
const SETTLE_MS = 35_000;

async function listen(url: string, pages: number, seconds: number): Promise<void> {
  const { hostname, port, host } = new URL(url);
  /** When each page had a message, by the message's bytes. */
  const arrivals = new Map<string, number[]>();
  const updates = new Uint32Array(pages);
  let bytes = 0;
  let from_ms = Number.POSITIVE_INFINITY;
  const hear = (page: number, chunk: Uint8Array) => {
    const now_ms = monotonicMs();
    if (now_ms < from_ms) return;
    updates[page] = updates[page]! + 1;
    bytes += chunk.length;
    const name = Bun.hash(chunk).toString(36);
    const times = arrivals.get(name) ?? [];
    arrivals.set(name, times);
    times.push(now_ms);
  };
  const opened = Array.from({ length: pages }, (_, page) =>
    Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        open: (socket) => void socket.write(`GET /events HTTP/1.1\r\nHost: ${host}\r\nAccept-Encoding: gzip\r\n\r\n`),
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
  const kb_per_second = bytes / 1_000 / pages / spent_s;
  const summary = { per_second, kb_per_second, p99_ms: percentile(spreads, 0.99) };
  process.stdout.write(`${JSON.stringify(summary)}\n`);
  process.exit(0);
}

if (import.meta.main) {
  const [url, pages, seconds] = process.argv.slice(2);
  await listen(url!, Number(pages), Number(seconds));
}
