/** Where the project's own files lie, whatever the working directory is. */
import { join } from "node:path";

export const PROJECT_ROOT = join(import.meta.dir, "..", "..");
export const METRICS_DIR = join(PROJECT_ROOT, "sql", "metrics");
export const VIEWS_DIR = join(PROJECT_ROOT, "sql", "views");
