/** Where `backfill` continues: the feed's first trade and the ids that earlier runs walked through. */
import type { Database } from "bun:sqlite";
import type { DataPaths } from "../base/data-dir.ts";
import { openReadOnly, storeError } from "../base/sqlite.ts";
import type { Log, LogBatch, LogPosition } from "../contract/log.ts";
import { type Walked, withWalked } from "../contract/walked.ts";
import { readToEnd } from "../log/index.ts";
import { Extractor, parsedAt } from "../message/index.ts";

/** Of one product. */
export interface WalkState {
  /** The smallest id of a trade of the feed; null: the feed has sent none. */
  feed_first: number | null;
  /** By id. */
  walked: readonly Walked[];
}

/**
 * Reads what the stores know and, from `consume`'s checkpoint on, the log: its notes decide. Fails
 * with LOG_SHORTER_THAN_CHECKPOINT if ticks.db is of another log, and as reading a log does.
 */
export async function walkState(
  log: Log,
  paths: Pick<DataPaths, "ticks" | "windows">,
  products: readonly string[],
): Promise<Map<string, WalkState>> {
  const name = log.kind === "embedded" ? "embedded:" : log.name;
  const found = new Map(products.map((id): [string, WalkState] => [id, { feed_first: null, walked: [] }]));
  const positions = read(paths.ticks, name, (db) => fromTicks(db, found)) ?? new Map<number, LogPosition>();
  read(paths.windows, name, (db) => fromWindows(db, found));
  const group = `tidemark-backfill-${crypto.randomUUID()}`;
  await log.verify(group, positions);
  const from = ({ partition, start }: { partition: number; start: number }) =>
    Math.max(start, positions.get(partition)?.next ?? 0);
  for await (const batch of readToEnd(log, { group, from })) take(batch, found);
  return found;
}

/** The first schema of ticks.db that knows what was walked; before it, nothing was. */
const TICKS_SCHEMA_MIN = 4;

function fromTicks(db: Database, found: Map<string, WalkState>): Map<number, LogPosition> | null {
  if (db.query<{ user_version: number }, []>("PRAGMA user_version").get()!.user_version < TICKS_SCHEMA_MIN) return null;
  const walked = db.query<Walked, [string]>(
    "SELECT first_trade_id, last_trade_id, trades FROM walked WHERE product_id = ? ORDER BY first_trade_id",
  );
  const first = db.query<{ trade_id: number }, [string]>("SELECT trade_id FROM feed_begins WHERE product_id = ?");
  for (const product_id of found.keys())
    found.set(product_id, { feed_first: first.get(product_id)?.trade_id ?? null, walked: walked.all(product_id) });
  const rows = db
    .query<LogPosition & { partition: number }, []>(
      "SELECT log_partition AS partition, next_offset AS next, seen_us FROM offsets",
    )
    .all();
  return new Map(rows.map(({ partition, next, seen_us }) => [partition, { next, seen_us }]));
}

/** A stream that has read more of a log that was cut knows an earlier trade. */
function fromWindows(db: Database, found: Map<string, WalkState>): null {
  const first = db.query<{ id: number }, [string]>(
    "SELECT first_trade_id AS id FROM products WHERE product_id = ? AND ticks > 0",
  );
  for (const product_id of found.keys()) feed(found, product_id, first.get(product_id)?.id ?? null);
  return null;
}

/** What `get` reads of a store in one transaction; null without the file, or if it is of another log. */
function read<T>(path: string, log: string, get: (db: Database) => T): T | null {
  const db = openReadOnly(path);
  if (db === null) return null;
  try {
    return db
      .transaction(() => {
        if (db.query("SELECT 1 FROM sqlite_master WHERE name = 'settings'").get() === null) return null;
        const row = db.query<{ value: string }, []>("SELECT value FROM settings WHERE name = 'log'").get();
        return row?.value === log ? get(db) : null;
      })
      .deferred();
  } catch (error) {
    throw storeError(path, error);
  } finally {
    db.close();
  }
}

function feed(found: Map<string, WalkState>, product_id: string, trade_id: number | null): void {
  const state = found.get(product_id);
  if (state === undefined || trade_id === null) return;
  if (state.feed_first === null || trade_id < state.feed_first)
    found.set(product_id, { ...state, feed_first: trade_id });
}

function take(batch: LogBatch, found: Map<string, WalkState>): void {
  const extractor = new Extractor({ quotes: false });
  for (let i = 0; i < batch.count; i++) {
    const [bytes, start, end] = [batch.buffer(i), batch.starts[i]!, batch.ends[i]!];
    const parsed = parsedAt(extractor, bytes, start, end);
    if (parsed.kind === "walked") {
      const { product_id, ...range } = parsed.walked;
      const state = found.get(product_id);
      if (state !== undefined) found.set(product_id, { ...state, walked: withWalked(state.walked, range) });
    } else if (parsed.kind === "tick" && parsed.tick.source !== "backfill")
      feed(found, parsed.tick.product_id, parsed.tick.trade_id);
  }
}
