/** The table of measures: each with its definition and both pipelines' figures. */
/** @jsxImportSource hono/jsx */
import type { Figure, Measure } from "../model/measures.ts";
import { bytes, duration, exact, percent, round } from "./format.ts";

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
              <th scope="col">definition</th>
            </tr>
          </thead>
          <tbody>
            {measures.map(({ word, definition, stream, batch }) => (
              <tr>
                <th scope="row">{word}</th>
                <Cell figure={stream} />
                <Cell figure={batch} />
                <td class="definition">{definition}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
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

/** With the unit that ends the name. */
function shown(name: string, value: number): string {
  if (name.endsWith("_ms")) return duration(value);
  if (/_bytes(_per_tick)?$/.test(name)) return bytes(value);
  if (name === "share") return percent(value);
  return exact(Number.isInteger(value) ? value : round(value, 2));
}

function label(name: string): string {
  if (name === "share") return "";
  return name
    .replace(/_(ms|bytes)(?=$|_per_tick$)/, "")
    .replaceAll("_", " ")
    .replace("rss", "memory")
    .replace(/\b(cpu|pss)\b/, (word) => word.toUpperCase());
}
