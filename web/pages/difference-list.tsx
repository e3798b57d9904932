/** The windows in which stream and batch differ: each column on both sides, and the late ticks between. */
/** @jsxImportSource hono/jsx */
import type { View } from "../model/view.ts";
import { clock, counted, day, duration, exact } from "./format.ts";

type Difference = View["differences"]["shown"][number];
/** With their columns; of earlier ones there is a link. */
const IN_SIGHT = 6;
type Column = Difference["columns"][number];

export function DifferenceList({ view }: { view: Pick<View, "differences" | "verdict"> }) {
  const { shown, total } = view.differences;
  const { counts, headline } = view.verdict;
  return (
    <section class="panel wide" id="differences" aria-labelledby="differences-title">
      <h2 id="differences-title">What differs?</h2>
      {counts === null || counts.compared === 0 ? (
        <p class="note">Nothing is compared yet.</p>
      ) : total === 0 ? (
        <p class="note">Nothing: {headline}.</p>
      ) : (
        <>
          <p class="note">
            {headline}. A closed window of the stream is final: a late tick is in its revision, and in the batch.
            {shown.length < total ? ` The newest ${exact(shown.length)} of ${exact(total)}:` : ""}
          </p>
          {shown.slice(0, IN_SIGHT).map((one) => (
            <OneDifference of={one} />
          ))}
          {shown.length > IN_SIGHT && <Earlier of={shown.slice(IN_SIGHT)} />}
        </>
      )}
    </section>
  );
}

/** Each has a page with what the newest ones have here. */
function Earlier({ of }: { of: Difference[] }) {
  return (
    <p class="note">
      Earlier:{" "}
      {of.map((d) => (
        <>
          <a href={d.path}>
            {clock(d.window_start)}
            <span class="unseen"> {d.outcome}</span>
          </a>{" "}
          {d.outcome === "explained" ? `(${exact(d.late_count)} late)` : "(≠)"}{" "}
        </>
      ))}
    </p>
  );
}

function OneDifference({ of: d }: { of: Difference }) {
  const isExplained = d.outcome === "explained";
  return (
    <details class={`difference ${d.outcome}`} id={`differs-${d.window_start.replace(/\D/g, "")}`}>
      <summary>
        <b class="sign">{isExplained ? "✓" : "≠"}</b> <time datetime={d.window_start}>{clock(d.window_start)}</time>{" "}
        {isExplained
          ? `differs by ${counted(d.late_count, "late tick")}`
          : `differs without an explanation: ${d.differs}`}
        <small> {d.columns.map(({ column }) => column.replaceAll("_", " ")).join(", ")}</small>
      </summary>
      {d.columns.length > 0 && (
        <section class="scroll" tabindex={0} aria-label={`Window ${clock(d.window_start)}, what differs`}>
          <table>
            <thead>
              <tr>
                <th scope="col">column</th>
                <th scope="col" class="n stream">
                  stream
                </th>
                <th scope="col" class="n">
                  + late ticks
                </th>
                <th scope="col" class="n batch">
                  = batch
                </th>
              </tr>
            </thead>
            <tbody>
              {d.columns.map((column) => (
                <ColumnRow column={column} />
              ))}
            </tbody>
          </table>
        </section>
      )}
      {d.late.length > 0 && (
        <ul class="late">
          {d.late.map((tick) => (
            <li>
              late: trade {tick.trade_id}, {tick.side} {exact(tick.last_size)} at {exact(tick.price)}, {day(tick.time)}{" "}
              {tick.time.slice(11, 23)}, came {duration(tick.lateness_ms)} after its time, offset {tick.log_offset} of
              partition {tick.log_partition}
            </li>
          ))}
        </ul>
      )}
      <p class="note">
        {counted(d.revisions, "revision")}
        {d.closed === null
          ? ""
          : `, closed by the record at offset ${d.closed.log_offset} of partition ${d.closed.log_partition}`}
        . <a href={d.path}>Its ticks, and computing it again</a>
      </p>
    </details>
  );
}

/** All digits; those of the batch that differ are marked. */
function ColumnRow({ column: { column, stream, late, batch, same } }: { column: Column }) {
  return (
    <tr>
      <th scope="row">{column.replaceAll("_", " ")}</th>
      <td class="n">{stream ?? "no window"}</td>
      <td class="n">{late ?? ""}</td>
      <td class="n">
        {batch === null ? (
          "no window"
        ) : (
          <>
            {batch.slice(0, same)}
            <mark>{batch.slice(same)}</mark>
          </>
        )}
      </td>
    </tr>
  );
}
