/** The list of keys that `?` opens, and the switch for those of one letter. */
import { areKeysOn, type Key, namesOf, switchKeys } from "./keys-choice.ts";

export function keyList(known: readonly Key[]): HTMLDialogElement {
  const dialog = document.createElement("dialog");
  dialog.className = "help";
  const title = document.createElement("h2");
  title.textContent = "Keys";
  const list = document.createElement("dl");
  for (const one of known) {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    for (const key of namesOf(one)) {
      const element = document.createElement("kbd");
      element.textContent = key;
      term.append(element, " ");
    }
    text.textContent = one[1];
    list.append(term, text);
  }
  const close = document.createElement("button");
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.setAttribute("aria-label", "Keys");
  dialog.append(title, list, choice(), close);
  document.body.append(dialog);
  return dialog;
}

function choice(): HTMLElement {
  const [line, label, box] = [
    document.createElement("p"),
    document.createElement("label"),
    document.createElement("input"),
  ];
  box.type = "checkbox";
  box.checked = areKeysOn();
  box.addEventListener("change", () => switchKeys(box.checked));
  label.append(box, " Keys of one letter, digit or sign work outside charts");
  line.append(label);
  return line;
}
