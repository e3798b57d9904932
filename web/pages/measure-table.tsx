/** The table of measures: each with its definition, and both pipelines' figures by span. */
/** @jsxImportSource hono/jsx */
import type { Figure, Measure } from "../model/figures.ts";
import { bytes, duration, exact, percent, percentUp, round } from "./format.ts";

export function MeasureTable({ measures }: { measures: Measure[] }) {
  return (
    <section class="panel wide" id="words" aria-labelledby="words-title">
      <h2 id="words-title">What is measured</h2>
      <p class="links">
        <a href="/api/comparison">JSON</a>
      </p>
      <section class="scroll" tabindex={0} aria-label="What is measured, table">
        <table class="words">
          <thead>
            <tr>
              <th scope="col">measure</th>
              <th scope="col" class="stream">
                stream
              </th>
              <th scope="col" class="batch">
                batch
              </th>
            </tr>
          </thead>
          {groupsOf(measures).map((group) => (
            <Group group={group} />
          ))}
        </table>
      </section>
    </section>
  );
}

/** Rows of one measure. Its definition is shown once if it is that of all of them. */
interface MeasureGroup {
  name: string;
  definition: string;
  rows: { label: string; definition: string; measure: Measure }[];
}

/** By what precedes the comma: "age, now" and "age, since start" are one group. */
function groupsOf(measures: Measure[]): MeasureGroup[] {
  const byName = Map.groupBy(measures, ({ word }) => word.split(", ")[0]!);
  return [...byName].map(([name, rows]) => {
    const [first] = rows;
    const isShared = rows.every(({ definition }) => definition === first!.definition);
    return {
      name,
      definition: isShared ? first!.definition : "",
      rows: rows.map((measure) => ({
        label: measure.word.split(", ")[1] ?? (measure.word === "completeness curve" ? "since start" : "latest"),
        definition: isShared ? "" : measure.definition,
        measure,
      })),
    };
  });
}

function Group({ group: { name, definition, rows } }: { group: MeasureGroup }) {
  return (
    <tbody>
      <tr class="group">
        <th scope="rowgroup" colspan={3}>
          {name}
          {definition && <small>{definition}</small>}
        </th>
      </tr>
      {rows.map(({ label, definition, measure: { stream, batch } }) => (
        <tr>
          <th scope="row">
            {label}
            {definition && <small>{definition}</small>}
          </th>
          <Cell figure={stream} />
          <Cell figure={batch} />
        </tr>
      ))}
    </tbody>
  );
}

function Cell({ figure: { values, note } }: { figure: Figure }) {
  if (values === null) return <td class="none">not measured: {note}</td>;
  return (
    <td>
      {Object.entries(values).map(([name, value]) => (
        <span class="figure">
          <b>{shown(name, value)}</b> {label(name)}
        </span>
      ))}
      {note && <small>{note}</small>}
    </td>
  );
}

/** Shares of the completeness curve: at_30_s. */
const AT_SECONDS = /^at_(\d+)_s$/;

/** With the unit that ends the name. */
function shown(name: string, value: number): string {
  if (name.endsWith("_ms")) return duration(value);
  if (/_bytes(_per_tick)?$/.test(name)) return bytes(value);
  if (name === "share" || AT_SECONDS.test(name)) return percent(value);
  if (name === "never") return percentUp(value);
  return exact(Number.isInteger(value) ? value : round(value, 2));
}

function label(name: string): string {
  if (name === "share") return "";
  return name
    .replace(AT_SECONDS, "after $1 s")
    .replace(/_(ms|bytes)(?=$|_per_tick$)/, "")
    .replaceAll("_", " ")
    .replace("rss", "memory")
    .replace(/\b(cpu|pss)\b/, (word) => word.toUpperCase());
}
