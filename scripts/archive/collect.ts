/** Collects what is new in ticks.db and windows.db into the archive; after kill -9 it is run again. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { nowUs } from "../base/clock.ts";
import { checkStored, type DataPaths } from "../base/data-dir.ts";
import { diePoint } from "../base/die-point.ts";
import { TidemarkError } from "../base/errors.ts";
import { ARCHIVE_SLICE_ROWS, METRIC_MEMORY } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import type { Answered } from "../contract/measures.ts";
import { changedRows, lastChange, newestChange, newestRows, typedRows } from "./changes.ts";
import { CHANGING, castSelect, SNAPSHOT, STORED_COLUMNS } from "./columns.ts";
import { convert } from "./convert.ts";
import { failedRead } from "./failed-read.ts";
import { emptyManifest, readManifest, writeManifest } from "./manifest.ts";
import type { CollectedChanges, Manifest } from "./manifest-schema.ts";
import { compact, smallFiles } from "./merge-files.ts";
import { type Collected, collectedBefore, type NewTicks } from "./new-ticks.ts";
import { checkFolders, hasLostFiles, moveAside, putStaged, removeOrphans, whereStaged } from "./own-files.ts";
import { checkMinutes, FUNCTIONS, minutesOf, parquet } from "./rollup.ts";
import { checkedOnce } from "./sqlite-extension.ts";
import { StoreCells } from "./store-cells.ts";
import { lockTo, openSource, refuseOther, refuseShorter, type Source } from "./store-source.ts";
import { verifyArchive } from "./verify.ts";
import { ArchiveWriter, mustEqual, READ_FACTS, type ReadFacts, STORE_FACTS } from "./writer.ts";

/**
 * Collects all that is new in both files. `answered`: what the answers before have. Rejects with
 * NO_DATA, DATA_DIR, SCHEMA_OLDER, STORE_CORRUPT.
 */
export async function collect(paths: DataPaths, logger: Logger, answered?: Answered): Promise<Collected> {
  checkStored(paths);
  checkFolders(paths.archive);
  const instance = await DuckDBInstance.create(":memory:", {
    memory_limit: METRIC_MEMORY,
    preserve_insertion_order: "false",
    ...checkedOnce(),
  });
  const connection = await instance.connect();
  let source: Source | undefined;
  try {
    source = await openSource(connection, paths, logger);
    await connection.run(FUNCTIONS);
    await lockTo(connection, paths);
    return await new Collector(connection, source, paths, logger).run(answered);
  } catch (error) {
    throw await failedRead([paths.ticks, paths.windows], error);
  } finally {
    await source?.close();
    connection.closeSync();
    instance.closeSync();
  }
}

/** The jobs' positions are read before and after everything else (sql/views/positions.sql). */
const FIRST = ["stream_positions", "consume_positions"];
const LAST = "stream_positions_after";
const DAY_US = 86_400_000_000;

/** One run; each commit is a new manifest. */
class Collector {
  #manifest!: Manifest;
  #writer!: ArchiveWriter;
  #history_new = 0;
  /** Null: not wanted. */
  #new: NewTicks | null = null;
  readonly #cells: StoreCells;

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly source: Source,
    private readonly paths: DataPaths,
    private readonly logger: Logger,
  ) {
    this.#cells = new StoreCells(connection, source);
  }

  async run(answered?: Answered): Promise<Collected> {
    this.#manifest = await this.#open();
    const { archive } = this.paths;
    const next = () => this.#manifest.sequence + 1;
    this.#writer = new ArchiveWriter(this.connection, archive, this.#manifest.store_created, next);
    removeOrphans(archive, this.#manifest);
    await this.#prepare();
    const folder = `snapshot/${next()}`;
    const snapshot_files: Manifest["snapshot_files"] = {};
    const copy = async (name: string) => {
      const { store, table, columns } = SNAPSHOT[name]!;
      if (store === "windows" && !this.source.has_windows) return;
      const from = await this.source.table(store, table, Object.keys(columns));
      const select = `SELECT ${castSelect(columns)} FROM ${from}`;
      snapshot_files[name] = await this.#writer.part(select, join(archive, folder), folder, `${name}.parquet`);
    };
    for (const name of FIRST) await copy(name);
    const { connection, source } = this;
    const of = { connection, source, cells: this.#cells, archive, manifest: this.#manifest };
    if (answered !== undefined) this.#new = await collectedBefore(of, answered);
    const ticks_new = await this.#ticks();
    for (const name of Object.keys(SNAPSHOT)) if (!FIRST.includes(name) && name !== LAST) await copy(name);
    for (const name of Object.keys(CHANGING)) await this.#changes(name);
    await copy(LAST);
    this.#manifest = await compact(archive, this.#manifest, this.#writer);
    await checkMinutes(this.connection, archive, whereStaged(archive, { ...this.#manifest, sequence: next() }));
    this.#commit({ snapshot: folder, snapshot_files });
    const new_ticks = this.#new?.groups(this.#manifest.collected_to) ?? null;
    return { manifest: this.#manifest, ticks_new, history_new: this.#history_new, source: this.source.kind, new_ticks };
  }

  /**
   * The archive's manifest; an archive of another ticks.db is moved aside, never mixed and never
   * deleted.
   */
  async #open(): Promise<Manifest> {
    const { archive } = this.paths;
    const settings = await this.#cells.settings("ticks");
    refuseOther(this.paths.ticks, settings, "consume");
    if (this.source.has_windows) refuseOther(this.paths.windows, await this.#cells.settings("windows"), "stream");
    const created = settings.get("created") ?? "";
    const pruned_to = Number(settings.get("pruned_to") ?? 0);
    const rules = Number(settings.get("rules") ?? 1);
    const [newest = 0] = await this.#cells.values(
      "ticks",
      "SELECT insert_id FROM ticks ORDER BY insert_id DESC LIMIT 1",
      ["insert_id"],
    );
    const manifest = readManifest(archive);
    const isOurs = manifest !== null && manifest.store_created === created;
    this.#refuseGap(isOurs ? manifest.collected_to : 0, pruned_to);
    const first = emptyManifest(created, rules);
    if (manifest === null && !hasLostFiles(archive, first)) return first;
    if (isOurs && manifest.collected_to <= Number(newest)) {
      putStaged(archive, manifest);
      return this.#verified(manifest, pruned_to > 0);
    }
    if (isOurs && pruned_to > 0) refuseShorter(this.paths);
    const aside = moveAside(archive, manifest ?? first);
    const why = manifest === null ? `${archive}/manifest.json is missing` : "ticks.db was created again";
    this.logger.warn(`${why}: the old archive is kept in ${aside}, and a new one is built.`);
    return first;
  }

  /**
   * Throws STORE_CORRUPT unless every file is as it was written: by checksum if it was touched, all in a
   * day's first run. A folder that was removed, as STORE_CORRUPT advises, is collected again.
   */
  #verified(manifest: Manifest, pruned: boolean): Manifest {
    const { archive } = this.paths;
    const day = today();
    const isThere = (folder: string) => existsSync(join(archive, folder));
    const changes = Object.entries(manifest.changes).filter(([name, { files }]) => files.length === 0 || isThere(name));
    const minutes = isThere("minutes") ? manifest.minutes : [];
    const kept = { ...manifest, changes: Object.fromEntries(changes), minutes };
    const depth = manifest.checked_day === day ? "changed" : "all";
    const checked = verifyArchive(archive, { ...kept, snapshot_files: {} }, depth, pruned);
    return { ...checked, snapshot_files: kept.snapshot_files, checked_day: day };
  }

  /** Converts an archive of the first layout; sums missing minutes from the ticks. */
  async #prepare(): Promise<void> {
    const { archive } = this.paths;
    if (this.#manifest.version === 1) {
      const pruned_to = Number((await this.#cells.settings("ticks")).get("pruned_to") ?? 0);
      const { connection, source } = this;
      this.logger.info("the archive is converted to files with checksums, once");
      const of = { connection, source, writer: this.#writer, archive, manifest: this.#manifest, pruned_to };
      const { files, minutes } = await convert(of);
      // Their columns have other types now: all of them are read again by this run.
      const old = Object.entries(this.#manifest.changes).map(([name, one]) => [name, { ...one, whole_day: -1 }]);
      this.#commit({ version: 3, files, minutes, changes: Object.fromEntries(old) });
    }
    if (this.#manifest.minutes.length > 0 || this.#manifest.files.length === 0) return;
    this.logger.warn("archive/minutes is computed again from the ticks of the archive");
    await this.#addMinutes(minutesOf(parquet(archive, this.#manifest.files)));
  }

  /**
   * Only the archive has pruned ticks: without it every result would be wrong, and nothing would show
   * it.
   */
  #refuseGap(collected_to: number, pruned_to: number): void {
    if (pruned_to <= collected_to) return;
    throw new TidemarkError(
      "STORE_CORRUPT",
      `${this.paths.ticks} was pruned, and ${this.paths.archive} does not have the ticks that were removed.`,
      "Put the archive back, or read the log again from its start with `bun run consume --rebuild`.",
    );
  }

  /**
   * New ticks in slices, each with its commit: a long read keeps SQLite's WAL growing (docs/faults.md
   * 24).
   */
  async #ticks(): Promise<number> {
    let total = 0;
    for (;;) {
      const rows = await this.#slice(this.#manifest.collected_to);
      total += rows;
      if (rows < ARCHIVE_SLICE_ROWS) return total;
    }
  }

  /**
   * One slice becomes one file. The sums in SQLite, in DuckDB, in the file and in the minutes must be
   * equal.
   */
  async #slice(from_id: number): Promise<number> {
    const rows = `SELECT * FROM ticks WHERE insert_id > ${from_id} ORDER BY insert_id LIMIT ${ARCHIVE_SLICE_ROWS}`;
    const names = Object.keys(READ_FACTS);
    const cells = names.map((name) => `${STORE_FACTS[name as keyof ReadFacts]} AS ${name}`).join(", ");
    const counted = await this.#cells.values("ticks", `SELECT ${cells} FROM (${rows})`, names);
    const to = Number(counted[names.indexOf("last_insert_id")]);
    if (to === 0) return 0;
    const columns = Object.keys(STORED_COLUMNS);
    const select = `SELECT ${columns.join(", ")} FROM ticks WHERE insert_id > ${from_id} AND insert_id <= ${to} ORDER BY insert_id`;
    const from = await this.source.from("ticks", select, columns);
    await this.connection.run(
      `CREATE OR REPLACE TEMP TABLE slice AS SELECT *, make_timestamp(time_us) AS time FROM (SELECT ${castSelect(STORED_COLUMNS)} FROM ${from})`,
    );
    const read = await this.connection.runAndReadAll(`SELECT ${Object.values(READ_FACTS).join(", ")} FROM slice`);
    mustEqual(read.getRows()[0]!.map(String), counted, `What was read from ${this.paths.ticks}`);
    const facts = await this.#writer.facts("slice");
    const into = join(this.paths.archive, "ticks");
    const file = await this.#writer.ticks("(SELECT * EXCLUDE (received_us) FROM slice)", facts, into, true);
    const history = await this.connection.runAndReadAll("SELECT count(*) FROM slice WHERE source = 'backfill'");
    this.#history_new += Number(history.getRows()[0]![0]);
    await this.#addMinutes(minutesOf("slice"));
    await this.#new?.take("slice");
    this.#commit({ files: [...this.#manifest.files, file], collected_to: to });
    return facts.rows;
  }

  /** Adds a file to the rollup; it counts from the next commit. */
  async #addMinutes(select: string): Promise<void> {
    const sorted = `${select} ORDER BY product_id, minute_us`;
    const part = await this.#writer.part(sorted, join(this.paths.archive, "minutes"), "minutes");
    this.#manifest = { ...this.#manifest, minutes: [...this.#manifest.minutes, part] };
  }

  /**
   * What changed in a table since the last run; all rows of a file that was created again, and in a
   * day's first run, so that a digit that was altered in an old row is found.
   */
  async #changes(name: string): Promise<void> {
    const table = CHANGING[name]!;
    if (table.store === "windows" && !this.source.has_windows) return;
    const created = (await this.#cells.settings(table.store)).get("created") ?? "";
    const day = today();
    let kept = this.#manifest.changes[name];
    const newestRow = newestChange(table, kept?.changed_to ?? -1);
    const [newest, mark] = await this.#cells.values(table.store, newestRow.select, newestRow.columns);
    const isContinued =
      kept?.created === created && kept.whole_day === day && (kept.files.length === 0 || kept.mark === mark);
    if (!kept || !isContinued) kept = { created, whole_day: day, changed_to: -1, mark: "", files: [] };
    // An empty table has "null", which is not greater.
    if (Number(newest) > kept.changed_to) kept = await this.#addChanges(name, kept);
    this.#manifest = { ...this.#manifest, changes: { ...this.#manifest.changes, [name]: kept } };
  }

  async #addChanges(name: string, kept: CollectedChanges): Promise<CollectedChanges> {
    const table = CHANGING[name]!;
    const { select, columns } = changedRows(table, kept.changed_to);
    const from = await this.source.from(table.store, select, columns);
    const into = join(this.paths.archive, name);
    const added = await this.#writer.part(typedRows(table, from), into, name);
    const last = lastChange(table, parquet(this.paths.archive, [added]));
    const [changed_to, mark] = (await this.connection.runAndReadAll(last)).getRows()[0]!.map(String);
    let files = [...kept.files, added];
    const small = new Set(smallFiles(files));
    if (small.size > 0) {
      const merged = newestRows(table, parquet(this.paths.archive, [...small]), ["change_id"]);
      files = [...files.filter((file) => !small.has(file)), await this.#writer.part(merged, into, name)];
    }
    return { ...kept, changed_to: Number(changed_to), mark: mark!, files };
  }

  #commit(change: Partial<Manifest>): void {
    diePoint("manifest");
    this.#manifest = { ...this.#manifest, ...change, sequence: this.#manifest.sequence + 1, collected_us: nowUs() };
    writeManifest(this.paths.archive, this.#manifest);
    diePoint("committed");
    putStaged(this.paths.archive, this.#manifest);
  }
}

/** Days since 1970, UTC. */
const today = () => Math.floor(nowUs() / DAY_US);
