/** Problems, which stop the path, then notes: a bar at the lower edge, which moves nothing. */
/** @jsxImportSource hono/jsx */
import { problemLine } from "../model/health.ts";
import type { Status } from "../model/status.ts";
import { counted } from "./format.ts";

export function Problems({ problems }: { problems: Status["problems"] }) {
  const [first] = problems;
  if (first === undefined) return <section id="problems" hidden />;
  const list = (
    <ul>
      {problems.map((one) => (
        <li class={one.stops ? "stops" : "note"} data-code={one.code}>
          {problemLine(one)}
        </li>
      ))}
    </ul>
  );
  return (
    <section id="problems" class={`problems ${first.stops ? "stops" : ""}`} aria-label="Problems and notes">
      <details>
        <summary>
          <b>{countsOf(problems)}</b> {problemLine(first)}
        </summary>
        {list}
      </details>
    </section>
  );
}

/** As /healthz has them: notes are not problems. */
function countsOf(all: Status["problems"]): string {
  const stopping = all.filter(({ stops }) => stops).length;
  const notes = all.length - stopping;
  const texts = [stopping > 0 ? counted(stopping, "problem") : "", notes > 0 ? counted(notes, "note") : ""];
  return texts.filter(Boolean).join(", ");
}
