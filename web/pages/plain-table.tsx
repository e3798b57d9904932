/** A table from rows and columns, which scrolls by itself where it is too wide. */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";

/** Its heading, what a row has in it, and `n` for numbers. */
type TableColumn<R> = [name: string, cell: (row: R) => Child, kind?: "n"];

export function Table<R>({ label, rows, columns }: { label: string; rows: readonly R[]; columns: TableColumn<R>[] }) {
  if (rows.length === 0) return <p class="empty">None.</p>;
  return (
    <section class="scroll" tabindex={0} aria-label={`${label}, table`}>
      <table>
        <thead>
          <tr>
            {columns.map(([name, , kind]) => (
              <th scope="col" class={kind}>
                {name === "" ? <span class="unseen">notes</span> : name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr>
              {columns.map(([, cell, kind]) => (
                <td class={kind}>{cell(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
