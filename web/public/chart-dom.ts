/** Elements as charts need them: named by a class, written only where a text has changed. */

export interface ChartTable {
  head: string[];
  rows: string[][];
  /** What the table leaves out; "" if nothing. */
  note: string;
}

/** An element of a class; a button does not send a form. */
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, name = ""): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (name !== "") element.className = name;
  if (element instanceof HTMLButtonElement) element.type = "button";
  return element;
}

/** The signs of a chart, named; each sign is a class of the style sheet. */
export function legendOf(signs: readonly (readonly [name: string, text: string])[]): HTMLElement {
  const key = make("span", "chart-key");
  for (const [name, text] of signs) {
    const one = make("span");
    one.append(make("i", `key-${name}`), text);
    key.append(one);
  }
  return key;
}

/** A chart's rows as a table, with what it leaves out below it. */
export function tableOf({ head, rows, note }: ChartTable): Element[] {
  const table = make("table");
  const headings = table.createTHead().insertRow();
  for (const text of head) {
    const cell = make("th");
    cell.scope = "col";
    cell.textContent = text;
    headings.append(cell);
  }
  const body = table.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const text of row) line.insertCell().textContent = text;
  }
  if (note === "") return [table];
  const below = make("p", "more");
  below.textContent = note;
  return [table, below];
}
