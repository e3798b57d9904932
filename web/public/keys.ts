/** Keys of the page, and the list of them. */
import { chooseRange } from "./choices.ts";
import { togglePause } from "./pause.ts";
import { nextTheme } from "./theme.ts";

/** What a key does; its words are in the list that `?` opens. */
const KEYS: [keys: string, words: string, act: (key: string) => void][] = [
  ["t", "light, dark, or as the system has it", nextTheme],
  ["p", "stop the page where it is, and resume", togglePause],
  ["1234", "last 15 minutes, hour, 6 hours, all", (key) => chooseRange(Number(key))],
  ["?", "this list", toggleHelp],
];
/** What the charts take when they have the focus. */
const CHART_KEYS: [keys: string, words: string][] = [
  ["← →", "in a chart: read its values one by one"],
  ["+ −", "in the main chart: zoom"],
  ["↵", "in the main chart: open the window's page"],
];

let help: HTMLDialogElement | null = null;

export function startKeys(): void {
  document.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("#help")) toggleHelp();
  });
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (target instanceof Element && target.closest("input, textarea, select, [contenteditable]")) return;
    const found = KEYS.find(([keys]) => keys.includes(event.key));
    if (found === undefined) return;
    event.preventDefault();
    found[2](event.key);
  });
}

function toggleHelp(): void {
  help ??= helpDialog();
  if (help.open) help.close();
  else help.showModal();
}

function helpDialog(): HTMLDialogElement {
  const dialog = document.createElement("dialog");
  dialog.className = "help";
  const title = document.createElement("h2");
  title.textContent = "Keys";
  const list = document.createElement("dl");
  for (const [keys, words] of [...KEYS, ...CHART_KEYS]) {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    for (const key of keys.includes(" ") ? keys.split(" ") : keys) {
      const element = document.createElement("kbd");
      element.textContent = key;
      term.append(element, " ");
    }
    text.textContent = words;
    list.append(term, text);
  }
  const close = document.createElement("button");
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.setAttribute("aria-label", "Keys");
  dialog.append(title, list, close);
  document.body.append(dialog);
  return dialog;
}
