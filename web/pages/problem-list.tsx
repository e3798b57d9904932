/** The problems of the path, those that stop it first: a bar at the lower edge, which moves nothing. */
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
    <section id="problems" class={`problems ${first.stops ? "stops" : ""}`} aria-label="Problems">
      <details>
        <summary>
          <b>{counted(problems.length, "problem")}</b> {problemLine(first)}
        </summary>
        {list}
      </details>
    </section>
  );
}
