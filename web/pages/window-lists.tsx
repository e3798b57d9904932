/** The lists of a window's page: the windows in it, late ticks, revisions, and the ticks themselves. */
/** @jsxImportSource hono/jsx */
import type {
  DetailPart,
  DetailTick,
  LateTick,
  Revision,
  WindowDetail,
} from "../../scripts/contract/window-explained.ts";
import { counted, duration, exact } from "./format.ts";
import { Table } from "./plain-table.tsx";

/** Rows of the lists of late ticks and of revisions. */
const LISTED = 50;

/** The windows from which it is summed. */
export function Parts({ detail: { parts, summed_from, window } }: { detail: WindowDetail }) {
  if (summed_from === null) return null;
  return (
    <section class="panel wide" aria-labelledby="parts-title">
      <h2 id="parts-title">
        From which windows?{" "}
        <small>
          {window} is summed exactly from {summed_from}
        </small>
      </h2>
      <Table
        label="Windows in it"
        rows={parts}
        columns={[
          ["window (UTC)", (part: DetailPart) => <a href={part.path}>{part.window_start.slice(11, 16)}</a>],
          ["batch", ({ outcome }) => OUTCOMES[outcome ?? ""] ?? "not compared"],
          ["trades", ({ trade_count }) => exact(trade_count), "n"],
          ["late ticks", ({ late }) => (late === 0 ? "" : exact(late)), "n"],
          ["volume", ({ total_volume }) => exact(total_volume), "n"],
        ]}
      />
    </section>
  );
}

const OUTCOMES: Record<string, string> = {
  equal: "✓ equal",
  explained: "≈ explained by late ticks",
  unexplained: "≠ unexplained",
  pending: "… not compared yet",
  unread: "not comparable",
  history: "history, not compared",
  open: "open",
};

/** Late ticks, and the revisions that they made. */
export function Lateness({ detail: { late, late_count, revisions, revision_count } }: { detail: WindowDetail }) {
  if (late_count === 0 && revision_count === 0) return null;
  return (
    <section class="panel wide" aria-labelledby="late-title">
      <h2 id="late-title">
        What came late?{" "}
        <small>{counted(late_count, "tick")}, in the revisions and in the batch, never in the final row</small>
      </h2>
      <Table
        label="Late ticks"
        rows={late.slice(0, LISTED)}
        columns={[
          ["trade id", ({ trade_id }: LateTick) => trade_id, "n"],
          ["time (UTC)", ({ time }) => time.slice(11, -1)],
          ["after the high mark by", ({ lateness_ms }) => duration(lateness_ms), "n"],
          ["price", ({ price }) => exact(price), "n"],
          ["size", ({ last_size }) => exact(last_size), "n"],
          ["side", ({ side }) => side],
          ["partition, offset", ({ log_partition, log_offset }) => `${log_partition}, ${log_offset}`, "n"],
        ]}
      />
      <Cut shown={Math.min(LISTED, late.length)} of={late_count} what="late ticks" />
      <h3>Revisions</h3>
      <Table
        label="Revisions"
        rows={revisions.slice(0, LISTED)}
        columns={[
          ["window", ({ window_start }: Revision) => window_start.slice(11, 16)],
          ["revision", ({ revision }) => exact(revision), "n"],
          ["made by trade id", ({ caused_by_trade_id }) => caused_by_trade_id, "n"],
          ["trades then", ({ trade_count }) => exact(trade_count), "n"],
          ["missing then", ({ missing }) => exact(missing), "n"],
          ["of these never issued", ({ unissued }) => exact(unissued), "n"],
          ["partition, offset", ({ log_partition, log_offset }) => `${log_partition}, ${log_offset}`, "n"],
          ["committed", ({ committed_at }) => committed_at],
        ]}
      />
      <Cut shown={Math.min(LISTED, revisions.length)} of={revision_count} what="revisions" />
    </section>
  );
}

/** The ticks, as consume stored them. */
export function Ticks({ detail: { ticks, path } }: { detail: WindowDetail }) {
  const { rows, is_cut, is_pending, error, from } = ticks;
  return (
    <section class="panel wide" aria-labelledby="ticks-title" id="ticks">
      <h2 id="ticks-title">
        Which ticks? <small>from {from === "archive" ? "the archive and ticks.db" : "ticks.db"}</small>
      </h2>
      {is_pending && (
        <p class="loading" role="status">
          Loading from the archive …{" "}
          <noscript>
            <a href={`${path}?ticks=wait`}>Load them</a>
          </noscript>
        </p>
      )}
      {error !== null && <p class="error">{error}</p>}
      <Table
        label="Ticks"
        rows={rows}
        columns={[
          ["trade id", ({ trade_id }: DetailTick) => trade_id, "n"],
          ["time (UTC)", ({ time }) => time.slice(11, -1)],
          ["price", ({ price }) => exact(price), "n"],
          ["size", ({ last_size }) => exact(last_size), "n"],
          ["side", ({ side }) => side],
          ["partition, offset", ({ log_partition, log_offset }) => `${log_partition}, ${log_offset}`, "n"],
          ["", (tick) => notes(tick)],
        ]}
      />
      {is_cut && (
        <p class="cut">
          Only the first {exact(rows.length)} are shown. <a href={ticks.export}>All of them as CSV</a>
        </p>
      )}
    </section>
  );
}

function notes({ is_late, in_batch, source }: DetailTick): string {
  const all = [
    is_late ? "late" : "",
    source === "rest" ? "filled from REST" : "",
    source === "backfill" ? "history" : "",
    in_batch ? "" : "not in the batch's run",
  ];
  return all.filter((text) => text !== "").join(", ");
}

function Cut({ shown, of, what }: { shown: number; of: number; what: string }) {
  if (of <= shown) return null;
  return (
    <p class="cut">
      Only the first {exact(shown)} of {exact(of)} {what} are shown; the JSON has more.
    </p>
  );
}
