/** Step collect: what is new in ticks.db goes into Parquet by product and day, and windows.db is copied beside it. Re-runnable after kill -9 at any point. */
import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { nowUs } from "../common/clock.ts";
import { diePoint } from "../common/die-point.ts";
import { TidemarkError } from "../common/errors.ts";
import { ARCHIVE_FILES_PER_DAY_MAX, ARCHIVE_SLICE_ROWS, METRIC_MEMORY } from "../common/limits.ts";
import type { Logger } from "../common/logger.ts";
import { type DataPaths, replayed } from "../common/settings.ts";
import { changedRows, lastChange, newestChange, newestRows, typedRows } from "./changes.ts";
import { CHANGING, castSelect, SNAPSHOT, TICK_COLUMNS } from "./columns.ts";
import { publish, quoted, TEMPORARY } from "./files.ts";
import {
  type CollectedChanges,
  emptyManifest,
  type Manifest,
  type PartFile,
  readManifest,
  removeOrphans,
  type TickFile,
  writeManifest,
} from "./manifest.ts";
import { FUNCTIONS, mergedMinutes, minutesOf, parquet } from "./rollup.ts";
import { openSource, refuseOlder, type Source, type StoreName } from "./source.ts";
import { checkedOnce } from "./sqlite-extension.ts";

export interface Collected {
  manifest: Manifest;
  ticks_new: number;
  source: Source["kind"];
}

/** NO_DATA when ticks.db isn't there yet. */
export function checkStored(paths: DataPaths): void {
  if (existsSync(paths.ticks)) return;
  throw new TidemarkError(
    "NO_DATA",
    `There is no ${paths.ticks} yet, so there is nothing to compute.`,
    replayed(paths) ?? "Run `bun run start`, or `bun run produce` and `bun run consume`, first.",
  );
}

/** Collects everything that ticks.db and windows.db hold now. NO_DATA when ticks.db isn't there yet. */
export async function collect(paths: DataPaths, logger: Logger): Promise<Collected> {
  checkStored(paths);
  mkdirSync(paths.archive, { recursive: true });
  const instance = await DuckDBInstance.create(":memory:", {
    memory_limit: METRIC_MEMORY,
    preserve_insertion_order: "false",
    ...checkedOnce(),
  });
  const connection = await instance.connect();
  let source: Source | undefined;
  try {
    source = await openSource(connection, paths, logger);
    return await new Collector(connection, source, paths, logger).run();
  } finally {
    await source?.close();
    connection.closeSync();
    instance.closeSync();
  }
}

/** The jobs' positions are read before and after everything else: sql/views/positions.sql says what follows from that. */
const FIRST = ["stream_positions", "consume_positions"];
const LAST = "stream_positions_after";
const DAY_US = 86_400_000_000;

class Collector {
  #manifest!: Manifest;

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly source: Source,
    private readonly paths: DataPaths,
    private readonly logger: Logger,
  ) {}

  async run(): Promise<Collected> {
    this.#manifest = await this.#open();
    await this.connection.run(FUNCTIONS);
    removeOrphans(this.paths.archive, this.#manifest);
    const sequence = this.#manifest.sequence + 1;
    const folder = `snapshot/${sequence}`;
    const { files, minutes } = this.#manifest;
    if (minutes === undefined && files.length > 0)
      await this.#writeMinutes(minutesOf(parquet(this.paths.archive, files)), []);
    for (const name of FIRST) await this.#snapshot(name, folder);
    const ticks_new = await this.#ticks();
    for (const name of Object.keys(SNAPSHOT)) {
      if (!FIRST.includes(name) && name !== LAST) await this.#snapshot(name, folder);
    }
    for (const name of Object.keys(CHANGING)) await this.#changes(name);
    await this.#snapshot(LAST, folder);
    await this.#compact();
    this.#commit({ snapshot: folder });
    return { manifest: this.#manifest, ticks_new, source: this.source.kind };
  }

  /** The archive's manifest; an archive of another ticks.db is moved aside, never mixed and never deleted. */
  async #open(): Promise<Manifest> {
    const settings = await this.#settings("ticks");
    refuseOlder(this.paths.ticks, settings, "consume");
    if (this.source.has_windows) refuseOlder(this.paths.windows, await this.#settings("windows"), "stream");
    const created = settings.get("created") ?? "";
    const [newest = 0] = await this.#values("ticks", "SELECT insert_id FROM ticks ORDER BY insert_id DESC LIMIT 1", [
      "insert_id",
    ]);
    const manifest = readManifest(this.paths.archive);
    const isOurs = manifest !== null && manifest.store_created === created;
    this.#refuseGap(isOurs ? manifest.collected_to : 0, Number(settings.get("pruned_to") ?? 0));
    if (manifest === null) return emptyManifest(created);
    if (isOurs && manifest.collected_to <= Number(newest)) return manifest;
    const aside = `${this.paths.archive}.${manifest.sequence}.${nowUs()}`;
    renameSync(this.paths.archive, aside);
    mkdirSync(this.paths.archive, { recursive: true });
    this.logger.warn(`ticks.db was made anew: the archive of the old one is kept in ${aside}, a new one is built.`);
    return emptyManifest(created);
  }

  /** After a prune the archive is the only place where its ticks are: without it every answer would be wrong in silence. */
  #refuseGap(collected_to: number, pruned_to: number): void {
    if (pruned_to <= collected_to) return;
    throw new TidemarkError(
      "STORE_CORRUPT",
      `${this.paths.ticks} was pruned, and ${this.paths.archive} does not hold what was taken out of it.`,
      "Put the archive back, or read the log again from its start with `bun run consume --rebuild`.",
    );
  }

  async #settings(store: StoreName): Promise<Map<string, string>> {
    const known = this.#known.get(store);
    if (known) return known;
    const cells = await this.#values(store, "SELECT name, value FROM settings", ["name", "value"]);
    const settings = new Map(cells.flatMap((cell, i) => (i % 2 === 0 ? [[cell, cells[i + 1]!] as const] : [])));
    this.#known.set(store, settings);
    return settings;
  }
  readonly #known = new Map<StoreName, Map<string, string>>();

  /** The cells of a small SELECT as text, row after row. */
  async #values(store: StoreName, select: string, columns: readonly string[]): Promise<string[]> {
    const from = await this.source.from(store, select, columns);
    const cells = columns.map((column) => `CAST(${column} AS VARCHAR)`).join(", ");
    const reader = await this.connection.runAndReadAll(`SELECT ${cells} FROM ${from}`);
    return reader.getRows().flat().map(String);
  }

  /** New ticks in slices, each committed by itself: a long read would keep SQLite from resetting its WAL (faults.md 24). */
  async #ticks(): Promise<number> {
    let total = 0;
    for (;;) {
      const select = `SELECT ${Object.keys(TICK_COLUMNS).join(", ")} FROM ticks WHERE insert_id > ${this.#manifest.collected_to} ORDER BY insert_id LIMIT ${ARCHIVE_SLICE_ROWS}`;
      const from = await this.source.from("ticks", select, Object.keys(TICK_COLUMNS));
      await this.connection.run(
        `CREATE OR REPLACE TEMP TABLE slice AS SELECT *, make_timestamp(time_us) AS time, strftime(make_timestamp(time_us), '%Y-%m-%d') AS day FROM (SELECT ${castSelect(TICK_COLUMNS)} FROM ${from})`,
      );
      const rows = await this.#writeSlice();
      total += rows;
      if (rows < ARCHIVE_SLICE_ROWS) return total;
    }
  }

  async #writeSlice(): Promise<number> {
    const groups = await this.connection.runAndReadAll(
      "SELECT product_id, day, max(insert_id) AS last, max(time_us) AS newest FROM slice GROUP BY ALL ORDER BY ALL",
    );
    const files: TickFile[] = [];
    let collected_to = this.#manifest.collected_to;
    for (const { product_id, day, last, newest } of groups.getRowObjectsJson()) {
      const [product, date] = [String(product_id), String(day)];
      const where = `product_id = ${quoted(product)} AND day = '${date}'`;
      const relation = `(SELECT * EXCLUDE (day) FROM slice WHERE ${where})`;
      files.push(await this.#writeTicks({ product_id: product, day: date, max_time_us: Number(newest) }, relation));
      collected_to = Math.max(collected_to, Number(last));
    }
    if (files.length === 0) return 0;
    await this.#writeMinutes(minutesOf("slice"), this.#manifest.minutes ?? []);
    this.#commit({ files: [...this.#manifest.files, ...files], collected_to });
    return files.reduce((sum, file) => sum + file.rows, 0);
  }

  /** One Parquet file of one product and day, in order of time, so that its statistics are of use. */
  async #writeTicks(of: Pick<TickFile, "product_id" | "day" | "max_time_us">, relation: string): Promise<TickFile> {
    const name = `${this.#manifest.sequence + 1}-${this.#written++}.parquet`;
    const path = `ticks/product_id=${encodeURIComponent(of.product_id)}/day=${of.day}/${name}`;
    const { rows } = await this.#copy(`SELECT * FROM ${relation} ORDER BY time_us, trade_id`, path);
    return { ...of, path, rows, bytes: statSync(join(this.paths.archive, path)).size };
  }
  #written = 0;

  /** A file of the rollup beside those that are kept; it counts from the next commit on. */
  async #writeMinutes(select: string, kept: PartFile[]): Promise<void> {
    const part = await this.#writePart("minutes", `${select} ORDER BY product_id, minute_us`);
    this.#manifest = { ...this.#manifest, minutes: [...kept, part] };
  }

  /** What changed in a table since the last run. All of a file made anew, and all in a day's first run: so a digit that was altered in an old row is found. */
  async #changes(name: string): Promise<void> {
    const table = CHANGING[name]!;
    if (table.store === "windows" && !this.source.has_windows) return;
    const created = (await this.#settings(table.store)).get("created") ?? "";
    const day = Math.floor(nowUs() / DAY_US);
    let kept = this.#manifest.changes?.[name];
    const look = newestChange(table, kept?.changed_to ?? -1);
    const [newest, mark] = await this.#values(table.store, look.select, look.columns);
    const goesOn =
      kept?.created === created && kept.whole_day === day && (kept.files.length === 0 || kept.mark === mark);
    if (!kept || !goesOn) kept = { created, whole_day: day, changed_to: -1, mark: "", files: [] };
    // Of an empty table "null".
    if (Number(newest) > kept.changed_to) kept = await this.#addChanges(name, kept);
    this.#manifest = { ...this.#manifest, changes: { ...this.#manifest.changes, [name]: kept } };
  }

  async #addChanges(name: string, kept: CollectedChanges): Promise<CollectedChanges> {
    const table = CHANGING[name]!;
    const { select, columns } = changedRows(table, kept.changed_to);
    const from = await this.source.from(table.store, select, columns);
    const added = await this.#writePart(name, typedRows(table, from));
    const last = lastChange(table, parquet(this.paths.archive, [added]));
    const [changed_to, mark] = (await this.connection.runAndReadAll(last)).getRows()[0]!.map(String);
    let files = [...kept.files, added];
    const small = new Set(smallFiles(files));
    if (small.size > 0) {
      const merged = newestRows(table, parquet(this.paths.archive, [...small]), ["change_id"]);
      files = [...files.filter((file) => !small.has(file)), await this.#writePart(name, merged)];
    }
    return { ...kept, changed_to: Number(changed_to), mark: mark!, files };
  }

  async #writePart(folder: string, select: string): Promise<PartFile> {
    const path = `${folder}/${this.#manifest.sequence + 1}-${this.#written++}.parquet`;
    return { path, rows: (await this.#copy(select, path)).rows };
  }

  async #snapshot(name: string, folder: string): Promise<void> {
    const { store, table, columns } = SNAPSHOT[name]!;
    if (store === "windows" && !this.source.has_windows) return;
    const names = Object.keys(columns);
    const from = await this.source.table(store, table, names);
    await this.#copy(`SELECT ${castSelect(columns)} FROM ${from}`, `${folder}/${name}.parquet`);
  }

  async #copy(select: string, path: string): Promise<{ rows: number }> {
    const file = join(this.paths.archive, path);
    mkdirSync(dirname(file), { recursive: true });
    const result = await this.connection.run(
      `COPY (${select}) TO ${quoted(file + TEMPORARY)} (FORMAT parquet, COMPRESSION lz4)`,
    );
    publish(file);
    return { rows: result.rowsChanged };
  }

  /** Merges a day's files when there are many, the small ones only: each tick is rewritten a logarithmic number of times. The rollup's likewise. */
  async #compact(): Promise<void> {
    const { minutes = [] } = this.#manifest;
    const parts = new Set(smallFiles(minutes));
    if (parts.size > 0) {
      const merged = mergedMinutes(parquet(this.paths.archive, [...parts]));
      await this.#writeMinutes(
        merged,
        minutes.filter((file) => !parts.has(file)),
      );
    }
    const days = Map.groupBy(this.#manifest.files, (file) => `${file.product_id}\n${file.day}`);
    for (const files of days.values()) {
      const small = smallFiles(files);
      if (small.length < 2) continue;
      const { product_id, day } = small[0]!;
      const max_time_us = Math.max(...small.map((file) => file.max_time_us));
      const merged = await this.#writeTicks({ product_id, day, max_time_us }, parquet(this.paths.archive, small));
      const gone = new Set(small);
      this.#manifest = {
        ...this.#manifest,
        files: [...this.#manifest.files.filter((file) => !gone.has(file)), merged],
      };
    }
  }

  #commit(change: Partial<Manifest>): void {
    diePoint("manifest");
    this.#manifest = { ...this.#manifest, ...change, sequence: this.#manifest.sequence + 1, collected_us: nowUs() };
    writeManifest(this.paths.archive, this.#manifest);
    diePoint("committed");
  }
}

/** The files to merge of one day: from the smallest on, while the next is at most twice of all before it. Exported for its test. */
export function smallFiles<T extends { rows: number }>(files: readonly T[]): T[] {
  if (files.length <= ARCHIVE_FILES_PER_DAY_MAX) return [];
  const sorted = files.toSorted((a, b) => a.rows - b.rows);
  let sum = 0;
  let count = 0;
  while (count < sorted.length && (count < 2 || sorted[count]!.rows <= 2 * sum)) sum += sorted[count++]!.rows;
  return sorted.slice(0, count);
}
