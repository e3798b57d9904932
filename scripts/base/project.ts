/** Where the project's own files are, in every working directory. */
import { join } from "node:path";

export const PROJECT_ROOT = join(import.meta.dir, "..", "..");
/** The hour of trades that is played without the live feed. */
export const BUNDLED_RECORDING = join(PROJECT_ROOT, "data/recordings/coinbase-btc-usd-2023-09-05T16.jsonl.gz");
export const METRICS_DIR = join(PROJECT_ROOT, "sql", "metrics");
export const VIEWS_DIR = join(PROJECT_ROOT, "sql", "views");
