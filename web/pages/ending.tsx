/** After a recording's end: how to play it once more; empty before, in a line that is always there. */
/** @jsxImportSource hono/jsx */
import type { View } from "../model/view.ts";

export function Ending({ view: { ended, status } }: { view: Pick<View, "ended" | "status"> }) {
  const hasEnded = status.mode === "replay" && ended !== null;
  return (
    <p id="ending" class="ending">
      {hasEnded && (
        <>
          The recording has ended. Once more: <code>bun run start --replay --again</code>, or <code>--loop</code>.
        </>
      )}
    </p>
  );
}
