/** The measures under the questions that they answer: definition, and both figures by span. */
/** @jsxImportSource hono/jsx */
import type { Figure, Measure } from "../model/figures.ts";
import { steady } from "../model/tiles.ts";
import { bytes, duration, exact, percent, percentUp, round } from "./format.ts";

/** What a reader asks, and the measures that answer it; others come last. */
const QUESTIONS: [id: string, question: string, measures: string[]][] = [
  ["soon", "How soon is a tick in an answer?", ["pipeline latency", "ingest latency", "feed latency"]],
  ["fresh", "How fresh is the answer?", ["age", "lag"]],
  ["final", "When is a window final?", ["finality"]],
  ["complete", "How complete is it?", ["completeness", "completeness curve"]],
  ["cost", "What does it cost?", ["cost", "equal cost"]],
  ["agreement", "Do they agree?", ["agreement"]],
  ["clocks", "How right are the clocks?", ["clock offset"]],
];

export function MeasureTable({ measures }: { measures: Measure[] }) {
  const groups = groupsOf(measures);
  const asked = new Set(QUESTIONS.flatMap(([, , names]) => names));
  const others = groups.filter(({ name }) => !asked.has(name));
  return (
    <div id="measures">
      {QUESTIONS.map(([id, question, names]) => (
        <Question
          id={id}
          question={question}
          groups={names.flatMap((name) => groups.find((one) => one.name === name) ?? [])}
        />
      ))}
      {others.length > 0 && <Question id="else" question="What else is measured?" groups={others} />}
    </div>
  );
}

/** An element of its own: of many on an open page only those that changed are sent. */
function Question({ id, question, groups }: { id: string; question: string; groups: MeasureGroup[] }) {
  if (groups.length === 0) return null;
  return (
    <article class="question" id={`measures-${id}`}>
      <h3>{question}</h3>
      {groups.map((group) => (
        <Group group={group} />
      ))}
    </article>
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

/** One question may have several measures: each is a table, on a phone a card per row. */
function Group({ group: { name, definition, rows } }: { group: MeasureGroup }) {
  return (
    <table class="measure">
      <caption>
        <b>{name}</b> {definition && <small>{definition}</small>}
      </caption>
      <thead>
        <tr>
          <td />
          <th scope="col" class="stream">
            stream
          </th>
          <th scope="col" class="batch">
            batch
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ label, definition, measure: { stream, batch } }) => (
          <>
            {definition && (
              <tr class="definition">
                <td colspan={3}>
                  <small>{definition}</small>
                </td>
              </tr>
            )}
            <tr>
              <th scope="row">{label}</th>
              <Cell side="stream" figure={steady(stream)} />
              <Cell side="batch" figure={steady(batch)} />
            </tr>
          </>
        ))}
      </tbody>
    </table>
  );
}

function Cell({ side, figure: { values, note } }: { side: "stream" | "batch"; figure: Figure }) {
  if (values === null) return <td class={`none ${side}`}>not measured: {note}</td>;
  return (
    <td class={side}>
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
    .replace("rss", "resident memory")
    .replace(/\b(cpu|pss)\b/, (word) => word.toUpperCase());
}
