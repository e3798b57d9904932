/** Small reads of the attached stores: the cells of a SELECT as text, and a store's settings. */
import type { DuckDBConnection } from "@duckdb/node-api";
import { SETTINGS, type Source, type StoreName } from "./store-source.ts";

export class StoreCells {
  readonly #settings = new Map<StoreName, Map<string, string>>();

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly source: Source,
  ) {}

  /** Row after row. */
  async values(store: StoreName, select: string, columns: readonly string[]): Promise<string[]> {
    const from = await this.source.from(store, select, columns);
    const cells = columns.map((column) => `CAST(${column} AS VARCHAR)`).join(", ");
    const reader = await this.connection.runAndReadAll(`SELECT ${cells} FROM ${from}`);
    return reader.getRows().flat().map(String);
  }

  /** Read once. */
  async settings(store: StoreName): Promise<Map<string, string>> {
    const known = this.#settings.get(store);
    if (known) return known;
    const cells = await this.values(store, SETTINGS, ["name", "value"]);
    const settings = new Map(cells.flatMap((cell, i) => (i % 2 === 0 ? [[cell, cells[i + 1]!] as const] : [])));
    this.#settings.set(store, settings);
    return settings;
  }
}
