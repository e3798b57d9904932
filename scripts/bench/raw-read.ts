/** A process that only reads a log: `raw-read.ts URL DATA COUNT` prints the seconds to the last record. */
import { monotonicMs } from "../base/clock.ts";
import { openDataDir } from "../base/data-dir.ts";
import { createLogger } from "../base/logger.ts";
import { peakRssBytes } from "../base/memory.ts";
import { openLog, readToEnd } from "../log/index.ts";
import { readRaw } from "../log/kafka/raw-reader.ts";

/** The same through our own reader, which returns batches. */
async function readLog(url: string, data: string, count: number): Promise<number> {
  const logger = createLogger("bench", { verbose: false });
  const started_ms = monotonicMs();
  const log = await openLog(url, openDataDir(data), { role: "reader", logger });
  let read = 0;
  let ended_ms = started_ms;
  for await (const batch of readToEnd(log, { group: "tidemark-raw" })) {
    read += batch.count;
    ended_ms = monotonicMs();
    if (read >= count) break;
  }
  await log.close();
  return (ended_ms - started_ms) / 1_000;
}

if (import.meta.main) {
  const [url, data, count] = process.argv.slice(2) as [string, string, string];
  const logger = createLogger("bench", { verbose: false });
  const seconds = url.startsWith("kafka:")
    ? await readRaw(url, Number(count), logger)
    : await readLog(url, data, Number(count));
  process.stdout.write(`${JSON.stringify({ seconds, peak_rss_bytes: peakRssBytes() })}\n`);
  process.exit(0);
}
