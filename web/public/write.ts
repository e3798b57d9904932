/** Texts that change on an open page. */

/**
 * Writes only what differs, so that a selection in the text stays. The text's node stays too: for
 * another one the browser finds the styles of all that is around it again.
 */
export function write(element: Element | null | undefined, text: string): void {
  if (!element || element.textContent === text) return;
  const { firstChild: node } = element;
  const isAlone = node instanceof Text && node.nextSibling === null;
  if (isAlone && text !== "") node.data = text;
  else element.textContent = text;
}
