/** How many CSV files a folder of results holds. */
import { readdirSync } from "node:fs";

/** Reads names only, because the folder may hold thousands of files; 0 without the folder. */
export function csvFiles(dir: string): number {
  try {
    return readdirSync(dir).filter((name) => name.endsWith(".csv")).length;
  } catch {
    return 0;
  }
}
