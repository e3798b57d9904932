/** How commands name the data directory of the page, and how its recording is played again. */
import { DATA_DEFAULT, nearOf } from "../../scripts/base/data-dir.ts";
import type { Sources } from "./sources.ts";

export interface Place {
  /** The data directory as a shell reads it. */
  dir: string;
  /** ` --data DIR` as a shell reads it; "" for the default. */
  data_flag: string;
  /** What to type to play the recording again; null unless `start` plays one. */
  again: string | null;
}

/** Directories below the working directory are named from there. */
export function placeOf({ paths, again }: Pick<Sources, "paths" | "again">): Place {
  const data = nearOf(paths.root) || ".";
  const quoted = /^[\w./:=,@%+-]+$/.test(data) ? data : `'${data.replaceAll("'", "'\\''")}'`;
  return { dir: quoted, data_flag: data === DATA_DEFAULT ? "" : ` --data ${quoted}`, again };
}
