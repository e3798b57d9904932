/** The archive: what ticks.db and windows.db hold, as Parquet files under one manifest. */
export { newestRows } from "./changes.ts";
export { CHANGING, emptySelect, SNAPSHOT, TICK_COLUMNS, widened } from "./columns.ts";
export { archiveBytes } from "./manifest.ts";
export type { Manifest } from "./manifest-schema.ts";
export type { TickGroups } from "./new-ticks.ts";
export { archiveState, readArchive } from "./read-archive.ts";
export { FUNCTIONS, minutesOf, minutesRelation, parquet } from "./rollup.ts";
export { allowedList, escapedPath, fileLiteral } from "./sql-literal.ts";
export { extensionFile } from "./sqlite-extension.ts";
