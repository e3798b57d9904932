/** A word with its explanation: a button that opens it, by pointer, touch and keyboard, without script. */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";

/** `id` is unique on the page and stays the same, so that an open explanation stays open. */
export function Term({ id, explain, children }: { id: string; explain: string; children?: Child }) {
  return (
    <>
      <button type="button" class="term" popovertarget={`term-${id}`}>
        {children}
      </button>
      <span class="explanation" id={`term-${id}`} popover="auto">
        {explain}
      </span>
    </>
  );
}
