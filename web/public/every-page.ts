/** What every page of ours has: its theme and its keys. */
import { startHeaderRoom } from "./header-room.ts";
import { startKeys } from "./keys.ts";
import type { Key } from "./keys-choice.ts";
import { startTheme } from "./theme.ts";

/** A page's script calls it first; `keys` are those that only this page has. */
export function startEveryPage(keys: Key[] = []): void {
  startTheme();
  startKeys(keys);
  startHeaderRoom();
}
