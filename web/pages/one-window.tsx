/** A window's own page: both sides column by column, its late ticks, its ticks, and how it was made. */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { DetailColumn, WindowDetail } from "../../scripts/contract/window-explained.ts";
import { certificateText } from "../model/certificate-text.ts";
import { neighbours } from "../model/window-id.ts";
import { exact } from "./format.ts";
import { type FeedKind, Head, PlainHeader, type StaticFiles } from "./layout.tsx";
import { Lateness, Parts, Ticks } from "./window-lists.tsx";

const SIGNS: Record<string, string> = { equal: "✓", explained: "≈", unexplained: "≠" };

export function WindowPage({ detail, kind, assets }: { detail: WindowDetail; kind: FeedKind; assets: StaticFiles }) {
  const { product, window, window_start, window_end, ticks } = detail;
  const title = `${product} ${window} ${clock(window_start)}`;
  return (
    <html lang="en">
      <Head title={`${title} · Tidemark`} assets={assets}>
        <script type="module" src={assets.address("window-page.js")} />
      </Head>
      <body>
        <PlainHeader main="window-detail" isDated kind={kind}>
          <nav aria-label="Windows">
            <Neighbours detail={detail} />
          </nav>
        </PlainHeader>
        <main id="window-detail" data-pending={ticks.is_pending ? "true" : undefined}>
          <section class={`verdict ${detail.outcome ?? "waiting"}`} id="window-verdict">
            <h1>
              {product} {window}{" "}
              <small>
                {window_start.slice(0, 10)} {clock(window_start)} – {clock(window_end)} UTC
              </small>
            </h1>
            <p>
              <span class="sign" aria-hidden="true">
                {SIGNS[detail.outcome ?? ""] ?? "…"}
              </span>{" "}
              {detail.verdict}
            </p>
            {detail.as_of !== null && <p>As it was known at {detail.as_of}, by this machine's clock.</p>}
          </section>
          <Sides detail={detail} />
          <Recompute detail={detail} />
          <Made detail={detail} />
          <Parts detail={detail} />
          <Lateness detail={detail} />
          <Ticks detail={detail} />
        </main>
        <footer class="bottom">
          <p>
            <a href={explainPath(detail)}>JSON</a> <a href={ticks.export}>all ticks as CSV</a>{" "}
            <code>bun run explain {detail.id}</code>
          </p>
          <p>Times are UTC. Sums are exact decimals.</p>
        </footer>
      </body>
    </html>
  );
}

function explainPath({ id }: WindowDetail): string {
  return `/api/explain/${encodeURIComponent(id)}`;
}

function Neighbours({ detail }: { detail: WindowDetail }) {
  const { product, window } = detail;
  const [before, after] = neighbours(detail);
  return (
    <>
      <a href={before} rel="prev">
        ← before
      </a>
      <a href={`/?product=${encodeURIComponent(product)}&window=${window}`}>
        {product} {window}
      </a>
      <a href={after} rel="next">
        after →
      </a>
    </>
  );
}

function Sides({ detail }: { detail: WindowDetail }) {
  const { columns } = detail;
  const hasLate = columns.some(({ late }) => late !== null);
  return (
    <section class="panel wide" aria-labelledby="sides-title">
      <h2 id="sides-title">Do both sides agree?</h2>
      <section class="scroll" tabindex={0} aria-label="Columns of both sides, table">
        <table class="sides">
          <thead>
            <tr>
              <th scope="col">column</th>
              <th scope="col">agree</th>
              <th scope="col" class="n stream">
                stream
              </th>
              {hasLate && (
                <th scope="col" class="n">
                  + late ticks
                </th>
              )}
              <th scope="col" class="n batch">
                {hasLate ? "= batch" : "batch"}
              </th>
              <th scope="col" class="computed" hidden>
                computed here
              </th>
            </tr>
          </thead>
          <tbody>
            {columns.map((one) => (
              <tr class={one.mark ?? ""}>
                <th scope="row">{one.column}</th>
                <td class="mark">{one.mark === null ? "" : one.mark === "equal" ? "✓ equal" : "≠ differs"}</td>
                <td class="n" data-label="stream">
                  {shown(one.column, one.stream)}
                </td>
                {hasLate && (
                  <td class="n" data-label={one.late === null ? undefined : "+ late ticks"}>
                    {one.late === null ? "" : `+ ${exact(one.late)}`}
                  </td>
                )}
                <td class="n" data-label={hasLate ? "= batch" : "batch"}>
                  <Marked column={one} />
                </td>
                <td class="computed" data-column={one.column} data-label="computed here" hidden />
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

/** Ids are names: without separators. */
function shown(column: string, value: string | null): string {
  return column.endsWith("_id") && value !== null ? value : exact(value);
}

/** The batch's value; the digits that differ from the stream's are marked. */
function Marked({ column: { column, batch, mark, same } }: { column: DetailColumn }) {
  const text = shown(column, batch);
  if (mark !== "differs" || batch === null) return <>{text}</>;
  const [before, after] = split(text, same);
  // One item: on a phone a cell is a row of its name and its value.
  return (
    <span>
      {before}
      <mark>{after}</mark>
    </span>
  );
}

/** After `count` characters, of which separators of thousands are none. */
function split(text: string, count: number): [before: string, after: string] {
  let [at, left] = [0, count];
  while (at < text.length && (left > 0 || text[at] === ",")) if (text[at++] !== ",") left--;
  return [text.slice(0, at), text.slice(at)];
}

function Recompute({ detail }: { detail: WindowDetail }) {
  return (
    <section class="panel wide" aria-labelledby="recompute-title">
      <h2 id="recompute-title">Recompute it yourself</h2>
      <p>
        The stream's own window code, 9 kB, computes this window from its ticks: in this browser, or on a terminal with{" "}
        <code>bun run explain {detail.id}</code>.
      </p>
      <button type="button" id="recompute" data-url={`${explainPath(detail)}?ticks=all`} hidden>
        Recompute in this browser
      </button>
      <div id="recomputed" role="status" />
      <noscript>
        <p>Recomputing here needs JavaScript; the command does not.</p>
      </noscript>
    </section>
  );
}

function Made({ detail }: { detail: WindowDetail }) {
  const { stream, batch, state } = detail;
  return (
    <section class="panel wide" aria-labelledby="made-title">
      <h2 id="made-title">How was it made?</h2>
      <dl class="facts">
        <Row name="stream">{STATES[state]}</Row>
        {stream !== null && (
          <>
            <Row name="first tick placed in it">{place(stream.opened)}</Row>
            <Row name="record that closed it">
              {stream.closed === null
                ? state === "flushed"
                  ? "none: --flush closed it at the end of the input"
                  : "–"
                : `${place(stream.closed)}${stream.closed.time === null ? "" : `, event time ${clock(stream.closed.time)}`}`}
            </Row>
            <Row name="newest tick received">{stream.received_at}</Row>
            <Row name="row committed">{stream.committed_at}</Row>
            <Row name="trade ids never seen">{certificateText(stream, exact)}</Row>
            {stream.skewed > 0 && <Row name="ticks stamped too far ahead">{exact(stream.skewed)}</Row>}
          </>
        )}
        <Row name="batch">
          {batch === null
            ? (detail.batch_error ?? "no run has it yet")
            : `run ${exact(batch.run_id)}${batch.ended_at === null ? "" : `, ended ${batch.ended_at}`}: ${batch.note}`}
        </Row>
      </dl>
      {batch !== null && (
        <details>
          <summary>
            The SQL that made the batch's side: <code>{batch.file}</code>
          </summary>
          <pre class="sql">{batch.sql}</pre>
        </details>
      )}
    </section>
  );
}

const STATES: Record<WindowDetail["state"], string> = {
  open: "open: ticks are still placed in it",
  closed: "closed by the watermark",
  flushed: "closed by --flush, at the end of its input",
  late: "no row: all its ticks came after it would have closed",
  none: "no row yet",
};

function place(at: { log_partition: number; log_offset: number } | null): string {
  return at === null ? "not known" : `partition ${at.log_partition}, offset ${at.log_offset}`;
}

function Row({ name, children }: { name: string; children?: Child }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

/** "16:30"; with seconds and fractions where they are not zero. */
function clock(iso: string): string {
  return iso
    .slice(11, -1)
    .replace(/\.0+$/, "")
    .replace(/^(\d\d:\d\d):00$/, "$1");
}
