/** What a page lacks of one selection, as events. */

import { printableLines } from "../../scripts/base/printable.ts";
import type { BatchEvent, PartsEvent, TitleEvent, WindowsEvent } from "../../scripts/contract/page-events.ts";
import { rebased } from "../http/base-path.ts";
import { eventText } from "../http/sse.ts";
import type { Watched } from "../http/watched.ts";
import { batchChanges, streamBarsSince } from "../model/chart.ts";
import type { Changes } from "../model/page-changes.ts";
import { pageStatus } from "../model/page-status.ts";
import type { Sources } from "../model/sources.ts";
import type { Status } from "../model/status.ts";
import type { PageParts, PartChanges } from "./part-changes.ts";

/** `windows`, `batch`; then `parts` with a status of their verdict. "": nothing has changed. */
export function changeTexts(
  sources: Sources,
  { key, selection }: Watched,
  { windows_after, run_after, parts_after }: Omit<Changes, "parts_after"> & { parts_after: number | PageParts },
  parts: PartChanges,
  { base, status }: { base: string; status(): string },
): string {
  const texts: string[] = [];
  const send = (event: string, data: object) => texts.push(eventText({ event, data: JSON.stringify(data) }));
  if (windows_after !== null) {
    const stream = windows_after === "all" ? null : streamBarsSince(sources, selection, windows_after);
    const windows: WindowsEvent = { of: key, reload: stream === null, stream: stream ?? [] };
    if (windows.reload || windows.stream.length > 0) send("windows", windows);
  }
  const changed = run_after === null ? null : batchChanges(sources, selection, run_after);
  if (changed !== null) send("batch", { of: key, ...changed } satisfies BatchEvent);
  const html = parts.since(parts_after);
  if (html === null) return texts.join("");
  send("parts", { of: key, html: shown(html, base) } satisfies PartsEvent);
  return texts.join("") + status();
}

export function statusText(sources: Sources, { key, selection }: Watched, status: Status): string {
  return eventText({ event: "status", data: JSON.stringify({ ...pageStatus(sources, selection, status), of: key }) });
}

/** What the tab of a hidden page shows. */
export function titleText(sources: Sources, { key, selection }: Watched, status: Status): string {
  const { at_ms, price, verdict, is_alarm } = pageStatus(sources, selection, status);
  const title: TitleEvent = { of: key, at_ms, price, verdict, is_alarm };
  return eventText({ event: "title", data: JSON.stringify(title) });
}

/** HTML as a page is to show it. */
function shown(html: Record<string, string>, base: string): Record<string, string> {
  return Object.fromEntries(Object.entries(html).map(([id, text]) => [id, rebased(printableLines(text), base)]));
}
