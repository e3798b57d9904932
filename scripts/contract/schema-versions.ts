/** The schema (`user_version`) that this Tidemark writes in each database of a data directory. */
export const SCHEMA_VERSIONS = { "log.db": 2, "ticks.db": 4, "windows.db": 5, "results.db": 6 } as const;
