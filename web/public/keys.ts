/** Keys of a page: those of every page, and its own. */
import { areKeysOn, type Key, namesOf } from "./keys-choice.ts";
import { nextTheme } from "./theme.ts";

const EVERYWHERE: Key[] = [
  ["t", "light, dark, or as the system has it", nextTheme],
  ["?", "this list", () => void toggleList()],
];

let known: Key[] = EVERYWHERE;
let list: Promise<HTMLDialogElement> | null = null;

/** `own`: what works on this page only. */
export function startKeys(own: Key[]): void {
  known = [...EVERYWHERE, ...own];
  document.documentElement.dataset.keys = areKeysOn() ? "on" : "off";
  document.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("#help")) void toggleList();
  });
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (target instanceof Element && target.closest("input, textarea, select, [contenteditable]")) return;
    const act = known.find((one) => one[2] !== undefined && namesOf(one).includes(event.key))?.[2];
    if (act === undefined || !areKeysOn()) return;
    event.preventDefault();
    act(event.key);
  });
}

/** The list is loaded when somebody asks for it. */
async function toggleList(): Promise<void> {
  list ??= import("./key-list.ts").then(({ keyList }) => keyList(known));
  try {
    const dialog = await list;
    if (dialog.open) dialog.close();
    else dialog.showModal();
  } catch {
    // The server is away, which the page reports.
    list = null;
  }
}
