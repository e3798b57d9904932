/** What has changed since a page's position: a pure function of it and the files' state. */
import { CHART_WINDOWS_MAX } from "../../scripts/base/limits.ts";
import type { ShownWindow } from "./windows.ts";

/** How far windows.db has come: which file, and its newest commit. */
export interface Commit {
  epoch: string;
  change_id: number;
}

/** What a page has received. */
export interface PagePosition {
  /** The commit up to which it has every window; null: no window yet. */
  windows: Commit | null;
  /** Start of its newest window, "" without one. */
  newest_start: string;
  /** The batch run that it has; -1: none yet. */
  run_id: number;
  /** Number of the newest status that it has; 0: none yet. */
  beat: number;
}

/** The files' state at one moment, for one selection. */
export interface Now {
  windows: Commit;
  run_id: number;
  beat: number;
  /** The first CHART_WINDOWS_MAX windows that changed after a commit, by start. */
  changedSince(change_id: number): ShownWindow[];
  /** Start of the newest window, "" without one. */
  newestStart(): string;
}

export interface WindowChanges {
  /** The commit before the first change; null: the page gets a snapshot of all its windows. */
  since: number | null;
  /** By start; [] of a snapshot. */
  changed: ShownWindow[];
  /** A window is newer than all that the page has: its table gets another row. */
  is_new: boolean;
}

/** What a page needs; null and false: nothing. */
export interface Changes {
  windows: WindowChanges | null;
  batch: boolean;
  status: boolean;
}

/** A page that has nothing, or the windows up to its Last-Event-ID, `epoch.change_id`. */
export function positionFromId(last_event_id = ""): PagePosition {
  const match = /^([0-9a-z]{1,20})\.(\d{1,15})$/.exec(last_event_id);
  const windows = match ? { epoch: match[1]!, change_id: Number(match[2]) } : null;
  return { windows, newest_start: "", run_id: -1, beat: 0 };
}

/** The id that `positionFromId` reads. */
export function idFromCommit({ epoch, change_id }: Commit): string {
  return `${epoch}.${change_id}`;
}

/** What a page at `position` lacks, and its position once it has that. */
export function changesSince(position: PagePosition, now: Now): { changes: Changes; position: PagePosition } {
  const { windows, newest_start } = windowChanges(position, now);
  const changes = { windows, batch: position.run_id !== now.run_id, status: position.beat !== now.beat };
  return { changes, position: { windows: now.windows, newest_start, run_id: now.run_id, beat: now.beat } };
}

function windowChanges(position: PagePosition, now: Now): { windows: WindowChanges | null; newest_start: string } {
  const { windows: at, newest_start } = position;
  // An id of another file, or ahead of this one, has no changes to continue from.
  const since = at?.epoch === now.windows.epoch && at.change_id <= now.windows.change_id ? at.change_id : null;
  if (since === now.windows.change_id) return { windows: null, newest_start };
  if (since === null) return snapshot(now);
  const changed = now.changedSince(since);
  const last = changed.at(-1);
  if (last === undefined) return { windows: null, newest_start };
  // The list may be cut: then all of the chart's windows are sent instead.
  if (changed.length === CHART_WINDOWS_MAX) return snapshot(now);
  const is_new = last.window_start > newest_start;
  return { windows: { since, changed, is_new }, newest_start: is_new ? last.window_start : newest_start };
}

function snapshot(now: Now): { windows: WindowChanges; newest_start: string } {
  const newest_start = now.newestStart();
  return { windows: { since: null, changed: [], is_new: newest_start !== "" }, newest_start };
}
