/** HTML of the server put into the page: what is focused, open, selected or drawn stays. */
import htmx from "htmx.org/dist/htmx.esm.js";
import { emit } from "./page-bus.ts";

/** Replaces elements by id; those that the page does not have are left out. */
export async function swapParts(html: Record<string, string>): Promise<void> {
  const ids: string[] = [];
  const swaps = Object.entries(html).map(([id, text]) => {
    const target = document.getElementById(id);
    if (target === null) return null;
    ids.push(id);
    return htmx.swap({ text: underBase(text), target, sourceElement: target, swap: "outerMorph" });
  });
  await Promise.all(swaps);
  if (ids.length > 0) emit("parts", ids);
}

/** The page as the server has just sent it. */
export function swapPage(page: Document): Promise<void> {
  return swapParts(Object.fromEntries(["top", "main"].map((id) => [id, page.getElementById(id)!.outerHTML])));
}

/** Events are made for the server's root, although a proxy may show it under a path. */
function underBase(html: string): string {
  const { base = "" } = document.documentElement.dataset;
  if (base === "") return html;
  return html.replace(/( (?:href|src|action)=")(\/(?!\/)[^"]*)/g, (whole, name, path) =>
    path.startsWith(`${base}/`) ? whole : `${name}${base}${path}`,
  );
}
