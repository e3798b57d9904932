/** What every page of ours has: its theme and its keys. */
import { startHeaderRoom } from "./header-room.ts";
import { startTheme } from "./theme.ts";

/** A page with a script of its own calls it first. */
export function startEveryPage(): void {
  startTheme();
  startHeaderRoom();
}
