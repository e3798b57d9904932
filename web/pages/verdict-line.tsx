/** The page's main sentence: do both pipelines agree to the last digit? */
/** @jsxImportSource hono/jsx */
import type { View } from "../model/view.ts";
import { ageWords, untilWords } from "../public/figure-words.ts";

/** A class and a sign for each state: colour alone means nothing. */
const STATES: Record<View["verdict"]["state"], [look: string, sign: string]> = {
  nothing: ["waiting", "…"],
  first: ["waiting", "…"],
  waiting: ["waiting", "…"],
  unread: ["waiting", "…"],
  equal: ["agree", "✓"],
  explained: ["agree", "✓"],
  unexplained: ["differ", "≠"],
  not_compared: ["differ", "≠"],
};

/** The header announces a change of its outcome; here a change of its figures is silent. */
export function VerdictLine({ view }: { view: Pick<View, "verdict" | "now"> }) {
  const { now } = view;
  const { state, headline, details, as_of, stale, first } = view.verdict;
  const [look, sign] = STATES[state];
  return (
    <section id="verdict" class={`verdict ${look}${stale === null ? "" : " aged"}`} aria-label="Verdict">
      <h1>
        <span class="sign">{sign}</span> {as_of === null ? "" : `As of ${as_of}: `}
        {headline}
      </h1>
      {first === null ? (
        <p class="details">
          {state === "waiting" && now.next_run_ms !== null && (
            <>
              next run <span data-until={now.next_run_ms}>{untilWords(now.next_run_ms - now.at_ms)}</span>{" "}
            </>
          )}
          {details.join(" · ")}
        </p>
      ) : (
        <Closing first={first} now={now} />
      )}
    </section>
  );
}

/** The first window on its way to the time at which it closes, in event time. */
function Closing({ first: { start_ms, closes_ms }, now }: ClosingOf) {
  const { exchange_ms } = now;
  if (exchange_ms === null) return <p class="details" />;
  const left_ms = closes_ms - exchange_ms;
  return (
    <p class="closing" id="closing" data-start={start_ms} data-closes={closes_ms}>
      <progress
        aria-label="Until the first window closes"
        max="1"
        value={Math.min(1, Math.max(0, (exchange_ms - start_ms) / (closes_ms - start_ms))).toFixed(3)}
      />
      <span>{left_ms > 0 ? `in ${ageWords(left_ms)}` : "with the next trade"}</span>
    </p>
  );
}

interface ClosingOf {
  first: NonNullable<View["verdict"]["first"]>;
  now: View["now"];
}
