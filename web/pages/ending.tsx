/** After a recording's end: how to play it once more; empty before, in a line that is always there. */
/** @jsxImportSource hono/jsx */
import type { View } from "../model/view.ts";

export function Ending({ view: { ended, status, place } }: { view: Pick<View, "ended" | "status" | "place"> }) {
  const hasEnded = status.mode === "replay" && ended !== null;
  return (
    <p id="ending" class="ending">
      {hasEnded && (
        <>
          The recording has ended.
          {place.again !== null && (
            <>
              {" "}
              Once more: <code>{place.again}</code>, or <code>--loop</code> instead of <code>--again</code>.
            </>
          )}
        </>
      )}
    </p>
  );
}
