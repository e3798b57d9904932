/** What has changed since a page's position: a pure function of it and the files' state. */

/** How far windows.db has come: which file, and its newest commit. */
interface Commit {
  epoch: string;
  change_id: number;
}

/** What a page has received of one selection. */
export interface PagePosition {
  /** The commit up to which it has every window; null: it has none. */
  windows: Commit | null;
  /** The batch run that it has; null: not known. */
  run_id: number | null;
  /** The moment, a number of one process of `serve`, up to which it has the parts; null: it has none. */
  parts: { server: string; moment: number } | null;
}

/** The files' state at one moment. */
export type Now = { [K in keyof PagePosition]: NonNullable<PagePosition[K]> };

/** What a page needs. */
export interface Changes {
  /** The commit after which windows are new to it; `all`: it has nothing to continue from; null: none. */
  windows_after: number | "all" | null;
  /** The run after which the batch is new to it; 0: it has none; null: nothing is new. */
  run_after: number | null;
  /** The moment after which changed parts are new to it; 0: all are. */
  parts_after: number;
}

/** Of a page that has nothing. */
export const NO_POSITION: PagePosition = { windows: null, run_id: null, parts: null };

/** `epoch.change_id`, then `.run_id`, then `.server.moment`; anything else is a page that has nothing. */
const ID = /^([0-9a-z]{1,20})\.(\d{1,15})(?:\.(\d{1,15})(?:\.([0-9a-z]{1,20})\.(\d{1,15}))?)?$/;

export function positionFromId(id = ""): PagePosition {
  const match = ID.exec(id);
  if (match === null) return NO_POSITION;
  const [, epoch, change_id, run_id, server, moment] = match;
  return {
    windows: { epoch: epoch!, change_id: Number(change_id) },
    run_id: run_id === undefined ? null : Number(run_id),
    parts: server === undefined ? null : { server, moment: Number(moment) },
  };
}

/** The id that `positionFromId` reads. */
export function idOf({ windows, run_id, parts }: Now): string {
  return `${idFromCommit(windows)}.${run_id}.${parts.server}.${parts.moment}`;
}

/** The same of a page that has windows alone. */
export function idFromCommit({ epoch, change_id }: Commit): string {
  return `${epoch}.${change_id}`;
}

/** What a page at `position` lacks. */
export function changesSince({ windows, run_id, parts }: PagePosition, now: Now): Changes {
  // A position in another file, or ahead of this one, has no changes to continue from.
  const isOurs = windows?.epoch === now.windows.epoch && windows.change_id <= now.windows.change_id;
  const hasAll = windows?.change_id === now.windows.change_id;
  const windows_after = !isOurs ? "all" : hasAll ? null : windows.change_id;
  // With all windows a page reads the batch's too.
  const run_after = windows_after === "all" || run_id === now.run_id ? null : (run_id ?? 0);
  return { windows_after, run_after, parts_after: parts?.server === now.parts.server ? parts.moment : 0 };
}
