/** Writes the archive's Parquet files: each is made aside, read back, counted against what it was made from, and only then put into its folder. */
import { mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { publish } from "../base/atomic-file.ts";
import { TidemarkError } from "../base/errors.ts";
import { SUM_MODULUS } from "../base/limits.ts";
import { addSums, type PartFile, type TickFile, type TickSums } from "./manifest.ts";
import { tagOf, WORK } from "./own-files.ts";
import { fileLiteral, quoted } from "./sql-literal.ts";
import { checksumOf, identity } from "./verify.ts";

/** What the ticks of a relation or a file add up to. */
export interface Facts {
  rows: number;
  first_insert_id: number;
  last_insert_id: number;
  max_time_us: number;
  sums: TickSums;
}

/** What is counted of a slice in SQLite, and again of what DuckDB has read; all are whole numbers. Byte lengths notice a text that was cut. */
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
   * A file with the ticks of a FROM item, sorted by product and time so that its statistics are of use; `into` is the folder that it goes
   * to. Fails with STORE_CORRUPT, before the file is in that folder, when what is in it doesn't add up to `expected`.
   */
  async ticks(relation: string, expected: Facts, into: string, verified: boolean): Promise<TickFile> {
    const select = `SELECT * FROM ${relation} ORDER BY product_id, time_us, trade_id`;
    const { rows, ...facts } = expected;
    const part = await this.part(select, into, "ticks", this.name(), async (path) =>
      mustEqual(await this.facts(`read_parquet(${fileLiteral(path)})`), expected, path),
    );
    return { ...part, ...facts, verified };
  }

  /** A file with the rows of a SELECT in the folder `into`; its path in the manifest is that of `folder`. `check` may refuse it before it gets there. */
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

/** Rows written are counted against rows read, and their sums: a difference ends the batch before anything is committed. */
export function mustEqual<T extends object>(found: T, expected: T, what: string): void {
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)];
  if (one === other) return;
  throw new TidemarkError(
    "STORE_CORRUPT",
    `${what} does not add up to what it was made from (${one} instead of ${other}); nothing of it is kept.`,
    "Run the batch again. If this repeats, run `bun run doctor --deep` and report it with both results.",
  );
}

/** The facts of a file that holds what several hold. */
export function mergedFacts(files: readonly TickFile[]): Facts {
  return {
    rows: files.reduce((sum, { rows }) => sum + rows, 0),
    first_insert_id: files[0]!.first_insert_id,
    last_insert_id: files.at(-1)!.last_insert_id,
    max_time_us: Math.max(...files.map((file) => file.max_time_us)),
    sums: addSums(files.map((file) => file.sums)),
  };
}
