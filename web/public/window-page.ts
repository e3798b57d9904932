/** A window's own page: recomputes the window in this tab, and loads what is in the archive only. */
import { usFromIso } from "../../scripts/base/iso.ts";
import type { WindowDetail } from "../../scripts/contract/window-explained.ts";
import { type Recomputed, recomputedText, recomputeSides } from "../../scripts/window/index.ts";
import { startEveryPage } from "./every-page.ts";
import { readAgain } from "./read-again.ts";

/** The page's part that is replaced. */
const MAIN = "#window-detail";

/** The address whose answer is shown. */
let shown = location.href;
/** What the server sent, without what was computed here. */
let sent = document.querySelector(MAIN)?.outerHTML;

startEveryPage();
start();
readAgain(
  () => shown,
  (page) => take(page.querySelector(MAIN)),
);

function start(): void {
  const button = document.querySelector<HTMLButtonElement>("#recompute");
  if (button !== null) {
    button.hidden = false;
    button.addEventListener("click", () => void recompute(button));
  }
  if (document.querySelector<HTMLElement>(`${MAIN}[data-pending]`) !== null) void load();
}

/** The same page with the ticks of the archive. */
async function load(): Promise<void> {
  const address = new URL(location.href);
  address.searchParams.set("ticks", "wait");
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = page.querySelector(MAIN);
    if (main === null) throw new Error(page.querySelector("h1")?.textContent ?? `status ${answer.status}`);
    shown = address.href;
    main.removeAttribute("data-pending");
    take(main);
  } catch (error) {
    const line = document.querySelector(".loading");
    if (line !== null) line.textContent = `The archive could not be loaded: ${sentence(error)}`;
  }
}

/** The window as it is now, unless it is as it was; what was open or focused stays so. */
function take(main: Element | null): void {
  if (main === null || main.outerHTML === sent) return;
  sent = main.outerHTML;
  const isOpen = [...document.querySelectorAll<HTMLDetailsElement>(`${MAIN} details`)].map(({ open }) => open);
  const hasFocus = document.activeElement?.id === "recompute";
  document.querySelector(MAIN)?.replaceWith(document.adoptNode(main));
  main.querySelectorAll("details").forEach((details, i) => {
    details.open = isOpen[i] ?? false;
  });
  start();
  if (hasFocus) document.getElementById("recompute")?.focus({ preventScroll: true });
}

async function recompute(button: HTMLButtonElement): Promise<void> {
  button.disabled = true;
  try {
    const answer = await fetch(button.dataset.url ?? "");
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    show((await answer.json()) as WindowDetail);
  } catch (error) {
    say([["differs", `It could not be recomputed: ${sentence(error)}`]]);
  } finally {
    button.disabled = false;
  }
}

function show(detail: WindowDetail): void {
  const { rows, is_cut, error } = detail.ticks;
  if (is_cut) {
    const many = `It has more than ${rows.length} ticks, too many for this page.`;
    say([["waiting", `${many} On a terminal: bun run explain ${detail.id}`]]);
    return;
  }
  const began = performance.now();
  const sides = recomputeSides(detail, (iso) => usFromIso(iso) ?? 0);
  const took = performance.now() - began;
  const lines = sides.map((side): Line => [markOf(side), recomputedText(side)]);
  const from = `${rows.length} ticks were computed in this tab in ${took < 10 ? took.toFixed(1) : Math.round(took)} ms.`;
  say([...lines, ["", from], ...(error === null ? [] : [["differs", error] as Line])]);
  for (const cell of document.querySelectorAll<HTMLElement>("th.computed, td.computed")) cell.hidden = false;
  for (const cell of document.querySelectorAll<HTMLElement>("td.computed"))
    cell.textContent = cellText(sides, cell.dataset.column ?? "");
}

type Line = [mark: string, text: string];

function markOf({ is_equal }: Recomputed): string {
  return is_equal === null ? "" : is_equal ? "equal" : "differs";
}

/** `✓ stream ✓ batch`, or `≠` with what was computed. */
function cellText(sides: readonly Recomputed[], column: string): string {
  const texts = sides.flatMap(({ side, is_equal, columns }) => {
    const one = columns.find((known) => known.column === column);
    if (one === undefined || is_equal === null) return [];
    return one.is_equal ? `✓ ${side}` : `≠ ${side}: ${one.computed ?? "nothing"}`;
  });
  return texts.join(", ");
}

function say(lines: Line[]): void {
  const signs: Record<string, string> = { equal: "✓ ", differs: "≠ " };
  const shown = lines.map(([mark, text]) => {
    const line = document.createElement("p");
    if (mark !== "") line.className = mark;
    line.textContent = `${signs[mark] ?? ""}${text}`;
    return line;
  });
  document.querySelector("#recomputed")?.replaceChildren(...shown);
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
