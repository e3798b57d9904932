/** Writes the archive's Parquet files: each is read back and compared before it is published. */
import { mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { publish } from "../base/atomic-file.ts";
import { TidemarkError } from "../base/errors.ts";
import { SUM_MODULUS } from "../base/limits.ts";
import { quoted } from "../base/sql-text.ts";
import { addSums } from "./manifest.ts";
import type { PartFile, TickFile, TickSums } from "./manifest-schema.ts";
import { tagOf, WORK } from "./own-files.ts";
import { fileLiteral } from "./sql-literal.ts";
import { checksumOf, identity } from "./verify.ts";

/** What the ticks of a relation or a file add up to. */
interface Facts {
  rows: number;
  first_insert_id: number;
  last_insert_id: number;
  max_time_us: number;
  sums: TickSums;
}

/**
 * What is counted in SQLite and again in DuckDB; all whole numbers. Byte lengths notice a text that
 * was cut.
 */
export interface ReadFacts {
  rows: string;
  last_insert_id: string;
  insert_ids: string;
  trade_ids: string;
  times: string;
  text_bytes: string;
}
const COUNTS = {
  rows: "count(*)",
  last_insert_id: "coalesce(max(insert_id), 0)",
  insert_ids: `coalesce(sum(insert_id % ${SUM_MODULUS}), 0)`,
  trade_ids: `coalesce(sum(trade_id % ${SUM_MODULUS}), 0)`,
  times: `coalesce(sum(time_us % ${SUM_MODULUS}), 0)`,
};
export const STORE_FACTS: ReadFacts = {
  ...COUNTS,
  text_bytes: "coalesce(sum(length(CAST(product_id AS BLOB))), 0)",
};
export const READ_FACTS: ReadFacts = { ...COUNTS, text_bytes: "coalesce(sum(strlen(product_id)), 0)" };

const FACTS = `SELECT count(*), coalesce(min(insert_id), 0), coalesce(max(insert_id), 0), coalesce(max(time_us), 0),
  replace(CAST(coalesce(sum(price), 0) AS VARCHAR), '.', ''), replace(CAST(coalesce(sum(last_size), 0) AS VARCHAR), '.', ''),
  coalesce(sum(trade_id % ${SUM_MODULUS}), 0), coalesce(sum(time_us % ${SUM_MODULUS}), 0) FROM `;

/** Writes files under names that no other file of the archive has or had. */
export class ArchiveWriter {
  #written = 0;

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly archive: string,
    private readonly store_created: string,
    /** The commit that the next file belongs to. */
    private readonly sequence: () => number,
  ) {}

  /** A name that no other file of the archive has or had. */
  name(): string {
    return `${tagOf(this.store_created)}-${this.sequence()}-${this.#written++}.parquet`;
  }

  /** Facts of a FROM item with ticks. */
  async facts(relation: string): Promise<Facts> {
    const [row] = (await this.connection.runAndReadAll(FACTS + relation)).getRows();
    const [rows, first_insert_id, last_insert_id, max_time_us] = row!.slice(0, 4).map(Number);
    const [price, size, trade_ids, times] = row!.slice(4).map((cell) => String(BigInt(String(cell))));
    return {
      rows: rows!,
      first_insert_id: first_insert_id!,
      last_insert_id: last_insert_id!,
      max_time_us: max_time_us!,
      sums: { price: price!, size: size!, trade_ids: trade_ids!, times: times! },
    };
  }

  /**
   * A file in the folder `into` with the ticks of a FROM item, sorted so that its statistics are useful.
   * Rejects with STORE_CORRUPT, before it is there, if its content doesn't add up to `expected`.
   */
  async ticks(relation: string, expected: Facts, into: string, verified: boolean): Promise<TickFile> {
    const select = `SELECT * FROM ${relation} ORDER BY product_id, time_us, trade_id`;
    const { rows, ...facts } = expected;
    const part = await this.part(select, into, "ticks", this.name(), async (path) =>
      mustEqual(await this.facts(`read_parquet(${fileLiteral(path)})`), expected, path),
    );
    return { ...part, ...facts, verified };
  }

  /**
   * A file with a SELECT's rows in `into`; the manifest has it in `folder`. `check` may refuse it
   * before.
   */
  async part(
    select: string,
    into: string,
    folder: string,
    name = this.name(),
    check: (path: string) => Promise<void> | void = () => {},
  ): Promise<PartFile> {
    const [temporary, path] = [join(this.archive, WORK, this.name()), join(into, name)];
    for (const file of [temporary, path]) mkdirSync(dirname(file), { recursive: true });
    rmSync(temporary, { force: true });
    const copy = `COPY (${select}) TO ${quoted(temporary)} (FORMAT parquet, COMPRESSION lz4)`;
    const { rowsChanged } = await this.connection.run(copy);
    await check(temporary);
    const checksum = checksumOf(temporary);
    publish(path, temporary);
    const seen = identity(path)!;
    return { path: `${folder}/${name}`, rows: rowsChanged, bytes: Number(seen.split(" ")[0]), checksum, seen };
  }
}

/** Throws STORE_CORRUPT, before anything is committed, if written rows and sums differ from read ones. */
export function mustEqual<T extends object>(found: T, expected: T, what: string): void {
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)];
  if (one === other) return;
  throw new TidemarkError(
    "STORE_CORRUPT",
    `${what} does not add up to what it was made from (${one} instead of ${other}); nothing of it is kept.`,
    "Run the batch again. If this repeats, run `bun run doctor --deep` and report it with both results.",
  );
}

/** The facts of the file into which several are merged. */
export function mergedFacts(files: readonly TickFile[]): Facts {
  return {
    rows: files.reduce((sum, { rows }) => sum + rows, 0),
    first_insert_id: files[0]!.first_insert_id,
    last_insert_id: files.at(-1)!.last_insert_id,
    max_time_us: Math.max(...files.map((file) => file.max_time_us)),
    sums: addSums(files.map((file) => file.sums)),
  };
}
