/** The problems of the path, those that stop it first; empty when there are none. */
/** @jsxImportSource hono/jsx */
import { problemLine } from "../model/health.ts";
import type { Status } from "../model/status.ts";

export function Problems({ problems }: { problems: Status["problems"] }) {
  if (problems.length === 0) return <section id="problems" hidden />;
  return (
    <section id="problems" class="problems" aria-label="Problems">
      <ul>
        {problems.map((one) => (
          <li class={one.stops ? "stops" : "note"} data-code={one.code}>
            {problemLine(one)}
          </li>
        ))}
      </ul>
    </section>
  );
}
