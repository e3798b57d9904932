/** Texts and names in SQL, of DuckDB and of SQLite. */

/** A text as a string literal. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
