/** What the ticks of a run add to the answers before it, grouped so that memory is bounded. */
import type { DuckDBConnection } from "@duckdb/node-api";
import { nowUs } from "../base/clock.ts";
import { APPEND_EARLIEST_US, ARCHIVE_SLICE_ROWS, STAMP_AHEAD_US_MAX } from "../base/limits.ts";
import type { Answered } from "../contract/measures.ts";
import { castSelect } from "./columns.ts";
import type { Manifest } from "./manifest-schema.ts";
import { parquet } from "./rollup.ts";
import type { StoreCells } from "./store-cells.ts";
import type { Source } from "./store-source.ts";

/** Ages are counted in groups of which the oldest is at most 1/256 older than the youngest. */
const GROUP_BITS = 8;
const MINUTE_US = 60_000_000;

/** Of the archive when the run has collected. Times are microseconds since 1970 UTC. */
export interface TickGroups {
  store_created: string;
  /** Every tick up to this insert_id is in it. */
  collected_to: number;
  /** Every tick below this offset of its partition is in it. */
  positions: Map<string, number>;
  /** The newest event time by product, without skewed ticks and history. */
  newest_us: Map<string, number>;
  /** New ticks are those that the answers before lack, without history; empty where those are unknown. */
  fresh: FreshTicks;
}

/** What one run collected. */
export interface Collected {
  manifest: Manifest;
  ticks_new: number;
  /** Of these, what `backfill` had loaded. */
  history_new: number;
  source: Source["kind"];
  /** What the answers before lack; null if those were not given. */
  new_ticks: TickGroups | null;
}

interface FreshTicks {
  /** The moment that ages count back from; negative: later. */
  at_us: number;
  /** Ticks by the age of their receipt, rounded up to the end of its group. */
  received: Map<number, number>;
  /** Those without a receipt time by the age of their append time, likewise. */
  appended: Map<number, number>;
  /** All without a receipt time. */
  unreceived: number;
  /** Ticks by the end of their minute of event time. */
  minute_ends: Map<number, number>;
  /** The oldest receipt, or append time without one, by product. */
  waiting_us: Map<string, number>;
}

/** What is read of a tick here. */
const COLUMNS = {
  ...{ insert_id: "BIGINT", product_id: "VARCHAR", time_us: "BIGINT", appended_us: "BIGINT", received_us: "BIGINT" },
  ...{ log_partition: "INTEGER", log_offset: "BIGINT", source: "VARCHAR" },
};

/** What is read from. */
interface Collecting {
  connection: DuckDBConnection;
  source: Source;
  cells: StoreCells;
  archive: string;
  manifest: Manifest;
}

/**
 * Ticks that earlier runs collected and did not answer; `take` adds what this run collects. Call it
 * before that.
 */
export async function collectedBefore(of: Collecting, answered: Answered): Promise<NewTicks> {
  const { connection, source, cells, archive, manifest } = of;
  const windows = source.has_windows ? await cells.settings("windows") : undefined;
  const max_skew_us = Number(windows?.get("max_skew_us") ?? STAMP_AHEAD_US_MAX);
  const found = new NewTicks(connection, answered, manifest.store_created, max_skew_us);
  const offsets = await cells.values("ticks", "SELECT log_partition, next_offset FROM offsets", OFFSETS);
  for (let i = 0; i < offsets.length; i += 2) found.position(offsets[i]!, Number(offsets[i + 1]));
  // Pruned ticks are only in the archive, without a receipt time; without a measure all are read there.
  const pruned_to = Number((await cells.settings("ticks")).get("pruned_to") ?? 0);
  const to = manifest.collected_to;
  const archived_to = answered === "unknown" ? to : Math.min(pruned_to, to);
  let from = found.answered_to;
  const files = manifest.files.filter((file) => file.last_insert_id > from && file.first_insert_id <= archived_to);
  if (files.length > 0)
    await found.take(
      `(SELECT *, NULL::BIGINT AS received_us FROM ${parquet(archive, files)} WHERE insert_id > ${from} AND insert_id <= ${archived_to})`,
    );
  for (from = Math.max(from, archived_to); from < to; from += ARCHIVE_SLICE_ROWS) {
    const columns = Object.keys(COLUMNS);
    const select = `SELECT ${columns.join(", ")} FROM ticks WHERE insert_id > ${from} AND insert_id <= ${Math.min(from + ARCHIVE_SLICE_ROWS, to)}`;
    const rows = await source.from("ticks", select, columns);
    await connection.run(`CREATE OR REPLACE TEMP TABLE unanswered AS SELECT ${castSelect(COLUMNS)} FROM ${rows}`);
    await found.take("unanswered");
  }
  await connection.run("DROP TABLE IF EXISTS unanswered");
  return found;
}

const OFFSETS = ["log_partition", "next_offset"];

export class NewTicks {
  readonly #positions = new Map<string, number>();
  readonly #newest: Map<string, number>;
  readonly #fresh: FreshTicks;
  readonly #isFresh: string;
  /** The insert_id up to which the answers before have every tick of this store. */
  readonly answered_to: number;

  constructor(
    private readonly connection: DuckDBConnection,
    before: Answered,
    private readonly store_created: string,
    private readonly max_skew_us: number,
  ) {
    const same = typeof before === "object" && before.store_created === store_created ? before : null;
    this.answered_to = same?.collected_to ?? 0;
    this.#newest = new Map(Object.entries(same?.newest_us ?? {}));
    this.#isFresh = isFresh(before, store_created);
    const at_us = nowUs();
    const maps = { received: new Map(), appended: new Map(), minute_ends: new Map(), waiting_us: new Map() };
    this.#fresh = { at_us, unreceived: 0, ...maps };
  }

  /** Every tick below this offset of the partition is read after this call. */
  position(partition: string, next: number): void {
    keepMax(this.#positions, partition, next);
  }

  /** Adds the ticks of a FROM item; each tick may be in one only. */
  async take(relation: string): Promise<void> {
    const now_us = nowUs();
    const valid = (name: string) =>
      `CASE WHEN ${name} >= ${APPEND_EARLIEST_US} AND ${name} <= ${now_us + STAMP_AHEAD_US_MAX} THEN ${name} END`;
    const ticks = `(SELECT product_id, time_us, log_partition, log_offset, source = 'backfill' AS history, ${this.#isFresh} AS fresh,
        (time_us - appended_us > ${this.max_skew_us} AND appended_us >= ${APPEND_EARLIEST_US}) AS skewed,
        ${valid("received_us")} AS received, ${valid("appended_us")} AS appended
      FROM ${relation})`;
    await this.#takeAll(ticks);
    await this.#takeFresh(`(FROM ${ticks} WHERE fresh AND NOT history)`);
  }

  groups(collected_to: number): TickGroups {
    return {
      store_created: this.store_created,
      collected_to,
      positions: this.#positions,
      newest_us: this.#newest,
      fresh: this.#fresh,
    };
  }

  async #takeAll(ticks: string): Promise<void> {
    const newest = `SELECT product_id, max(time_us) FROM ${ticks} WHERE NOT skewed AND NOT history GROUP BY 1`;
    for (const [product_id, time_us] of await this.#rows(newest))
      keepMax(this.#newest, String(product_id), Number(time_us));
    for (const [partition, offset] of await this.#rows(
      `SELECT log_partition, max(log_offset) FROM ${ticks} GROUP BY 1`,
    ))
      keepMax(this.#positions, String(partition), Number(offset) + 1);
  }

  async #takeFresh(ticks: string): Promise<void> {
    const fresh = this.#fresh;
    const age = `${fresh.at_us} - coalesce(received, appended)`;
    const ages = `SELECT received IS NULL AS unreceived, ${roundedUp("age")} AS age, count(*) AS ticks
      FROM (SELECT received, ${age} AS age FROM ${ticks}) GROUP BY ALL`;
    for (const [unreceived, us, ticks] of await this.#rows(ages)) {
      if (unreceived) fresh.unreceived += Number(ticks);
      // Without a valid append time either, it has no latency.
      if (us !== null) add(unreceived ? fresh.appended : fresh.received, Number(us), Number(ticks));
    }
    const minutes = `SELECT window_start_of(time_us, ${MINUTE_US}) + ${MINUTE_US}, count(*) FROM ${ticks} GROUP BY 1`;
    for (const [end_us, count] of await this.#rows(minutes)) add(fresh.minute_ends, Number(end_us), Number(count));
    const oldest = `SELECT product_id, min(coalesce(received, appended)) AS us FROM ${ticks} GROUP BY 1 HAVING us IS NOT NULL`;
    for (const [product_id, us] of await this.#rows(oldest)) {
      const known = fresh.waiting_us.get(String(product_id)) ?? Number.POSITIVE_INFINITY;
      fresh.waiting_us.set(String(product_id), Math.min(known, Number(us)));
    }
  }

  async #rows(select: string) {
    return (await this.connection.runAndReadAll(select)).getRows();
  }
}

/** The condition of a tick that the answers before lack. */
function isFresh(before: Answered, store_created: string): string {
  if (before === "nothing") return "true";
  if (before === "unknown") return "false";
  if (before.store_created === store_created) return `insert_id > ${before.collected_to}`;
  // Another numbering of the same log's ticks.
  const answered = Object.entries(before.positions).map(
    ([partition, next]) => `(log_partition = ${Number(partition)} AND log_offset < ${next})`,
  );
  return answered.length === 0 ? "true" : `NOT (${answered.join(" OR ")})`;
}

/** The end of an age's group: larger by at most 1/256, never smaller. */
function roundedUp(age: string): string {
  const width = `(1::BIGINT << greatest(0, CAST(floor(log2(greatest(abs(${age}), 1))) AS INTEGER) - ${GROUP_BITS}))`;
  return `${age} + (${width} - ${age} % ${width}) % ${width}`;
}

function keepMax(map: Map<string, number>, key: string, value: number): void {
  map.set(key, Math.max(map.get(key) ?? Number.NEGATIVE_INFINITY, value));
}

function add(map: Map<number, number>, key: number, count: number): void {
  map.set(key, (map.get(key) ?? 0) + count);
}
