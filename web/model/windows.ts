/** The stream's windows as shown: times in ISO 8601 UTC, decimals as text. */

import { formatDuration } from "../../scripts/base/duration.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { API_COLUMNS, type StoredWindow } from "../../scripts/contract/window-columns.ts";
import CHANGED from "../../sql/page/changed.sql" with { type: "text" };
import WINDOWS from "../../sql/page/windows.sql" with { type: "text" };
import type { Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";

type Computed = { window_size: string; late: number; missing: number; updated_at: string };
type Columns = Omit<StoredWindow, keyof Computed> & Computed;
/** What the queries add: `late` ticks of the last revision, and the ids that are missing still. */
type FoundWindow = StoredWindow & { late: number; missing_still: number };

/** One window as JSON: API_COLUMNS, in their order. */
export type ShownWindow = Pick<Columns, (typeof API_COLUMNS)[number]>;

/** Conditions on the window's start, `to_us` exclusive; null leaves one out. */
interface WindowQuery {
  product: string | null;
  size_us: number | null;
  from_us: number | null;
  to_us: number | null;
  limit: number;
}

/** Newest first. */
export function windows(sources: Sources, query: WindowQuery): ShownWindow[] {
  return sources.windows.all<FoundWindow>(WINDOWS, { ...query }).map(shown);
}

/** The selection's newest windows, newest first. */
export function newestWindows(sources: Sources, { product, size }: Selection, limit: number): ShownWindow[] {
  return windows(sources, { product, size_us: size.us, from_us: null, to_us: null, limit });
}

/** The selection's windows that changed after the commit `after`, oldest first. */
export function changedWindows(
  sources: Sources,
  { product, size }: Selection,
  after: number,
  limit: number,
): ShownWindow[] {
  return sources.windows.all<FoundWindow>(CHANGED, { product, size_us: size.us, after, limit }).map(shown);
}

function shown(w: FoundWindow): ShownWindow {
  const columns: Columns = {
    ...w,
    window_size: formatDuration(w.size_us),
    missing: w.missing_still,
    updated_at: isoFromUs(w.updated_at),
  };
  return Object.fromEntries(API_COLUMNS.map((name) => [name, columns[name]])) as ShownWindow;
}
