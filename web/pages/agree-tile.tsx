/** The tile "Do they agree?": windows compared, by outcome, each with a sign and a word. */
/** @jsxImportSource hono/jsx */
import type { View } from "../model/view.ts";
import { Bar } from "./figure-tile.tsx";
import { counted, exact } from "./format.ts";
import { Term } from "./term.tsx";

const EXPLAIN =
  "Each closed window is compared with the same window computed from the store, column by column, to the last digit. " +
  "A window that differs by exactly its late ticks is explained; one that differs otherwise must not exist.";

export function AgreeTile({ view }: { view: Pick<View, "verdict"> }) {
  const agreement = view.verdict.counts;
  const compared = agreement?.compared ?? 0;
  return (
    <article class="tile" id="tile-agree">
      <h2>
        Do they agree?{" "}
        <small>
          <Term id="agree" explain={EXPLAIN}>
            closed windows
          </Term>
        </small>
      </h2>
      {agreement === null || compared === 0 ? (
        <p class="side missing">
          <b>–</b> <span class="reason">no closed window is compared yet</span>
        </p>
      ) : (
        <>
          <Count kind="equal" n={agreement.equal} of={compared} words={`of ${exact(compared)} equal`} />
          <Count
            kind="explained"
            n={agreement.explained}
            of={compared}
            words={agreement.explained === 0 ? "explained" : `by ${counted(agreement.late_ticks, "late tick")}`}
          />
          <p class={`ratio ${agreement.unexplained > 0 ? "bad" : ""}`}>
            {agreement.unexplained > 0 ? "≠ " : "✓ "}
            {exact(agreement.unexplained)} unexplained
          </p>
          <p class="span">
            <a href="#differences">what differs</a> · run {exact(agreement.run_id)}
          </p>
        </>
      )}
    </article>
  );
}

function Count({ kind, n, of, words }: { kind: "equal" | "explained"; n: number; of: number; words: string }) {
  return (
    <p class={`side ${kind}`}>
      <b>{exact(n)}</b> <small>{words}</small>
      {n > 0 ? <Bar share={n / of} /> : <Bar share={0} />}
    </p>
  );
}
