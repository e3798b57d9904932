/** The page's main sentence: do both pipelines agree to the last digit? */
/** @jsxImportSource hono/jsx */
import type { View } from "../model/view.ts";
import { counted, exact } from "./format.ts";

export function Verdict({ view }: { view: Pick<View, "batch"> }) {
  const { agreement, not_compared } = view.batch;
  if (not_compared !== null) {
    return (
      <section id="verdict" class="verdict differ" aria-live="polite">
        <h1>The newest run did not compare stream and batch</h1>
        <p>{not_compared}</p>
        {agreement !== null && (
          <p>
            The last comparison, of run {exact(agreement.run_id)}: {counted(agreement.compared, "window")} compared,{" "}
            {exact(agreement.unexplained)} different without an explanation.
          </p>
        )}
      </section>
    );
  }
  if (agreement === null || agreement.compared === 0) {
    return (
      <section id="verdict" class="verdict waiting" aria-live="polite">
        <h1>Waiting for the first closed window that both pipelines have</h1>
        <p>
          {agreement
            ? `${counted(agreement.pending, "window")} pending: the store has not read that far yet.`
            : "The first batch run compares them column by column."}
        </p>
      </section>
    );
  }
  const { compared, equal, explained, unexplained, pending } = agreement;
  const agree = unexplained === 0;
  return (
    <section id="verdict" class={`verdict ${agree ? "agree" : "differ"}`} aria-live="polite">
      <h1>
        {agree
          ? `Stream and batch agree to the last digit: ${counted(compared, "window")} compared`
          : `Stream and batch differ in ${counted(unexplained, "window")} without an explanation`}
      </h1>
      <ul class="tally">
        <li>
          <b>{exact(equal)}</b> equal in every column
        </li>
        <li title="They differ by exactly their late ticks">
          <b>{exact(explained)}</b> explained by late ticks
        </li>
        <li class={agree ? "" : "bad"}>
          <b>{exact(unexplained)}</b> unexplained
        </li>
        <li title="The store has not read all ticks of these windows yet">
          <b>{exact(pending)}</b> pending
        </li>
      </ul>
    </section>
  );
}
