/** The main chart's long lists as JSON: those of closed windows are kept with the windows. */
import type { Bar } from "../../scripts/contract/page-events.ts";
import { batchBars } from "./chart-batch.ts";
import { cellsOf, listedOf } from "./chart-cells.ts";
import { streamBars } from "./chart-stream.ts";
import { JsonList, type JsonPiece, listPiece } from "./json-pieces.ts";
import { type BarsPart, madeOf, type UsSpan } from "./kept-bars.ts";
import type { Selection } from "./selection.ts";
import { indexFrom } from "./sorted.ts";
import type { Sources } from "./sources.ts";

/** Windows of the batch in one piece. */
const BATCH_PIECE = 120;

/** The windows of the parts, and their cells: those of windows that only the batch has come first. */
export function streamLists(
  sources: Sources,
  selection: Selection,
  parts: readonly BarsPart[],
): { stream: JsonList; cells: JsonList } {
  const { us } = selection.size;
  // Both are others after each run.
  const run = [listedOf(sources, selection), batchBars(sources, selection).bars];
  const made = parts.map((part) => {
    const isKept = part.made !== null;
    const bars = () => streamBars(sources, selection, part.rows);
    const cells = madeOf(part, `cells ${us}`, run, () => {
      const { history, others } = cellsOf(sources, selection, part.rows, bars(), part);
      return { history: listPiece(history, isKept), others: listPiece(others, isKept) };
    });
    return { ...cells, bars: madeOf(part, `bars ${us}`, [], () => listPiece(bars(), isKept)) };
  });
  const cells = [...made.map(({ history }) => history), ...made.map(({ others }) => others)];
  return { stream: new JsonList(made.map(({ bars }) => bars)), cells: new JsonList(cells) };
}

/** The batch's windows of the newest run that start in the span. */
export function batchList(sources: Sources, selection: Selection, { from_us, to_us }: UsSpan): JsonList {
  const { bars } = batchBars(sources, selection);
  const at = (us: number) => indexFrom(bars, us, ([start_s]) => start_s * 1e6);
  const name = `bar pieces ${selection.size.us} ${selection.product}`;
  const kept = sources.metrics.once(name, () => new Map<number, JsonPiece>());
  const pieces: JsonPiece[] = [];
  for (let [i, end] = [at(from_us), at(to_us)]; i < end; ) {
    const next = (Math.floor(i / BATCH_PIECE) + 1) * BATCH_PIECE;
    const piece =
      next <= end && i === next - BATCH_PIECE
        ? wholePiece(kept, bars, i)
        : listPiece(bars.slice(i, Math.min(next, end)), false);
    pieces.push(piece);
    i = next;
  }
  return new JsonList(pieces);
}

function wholePiece(kept: Map<number, JsonPiece>, bars: readonly Bar[], at: number): JsonPiece {
  const known = kept.get(at) ?? listPiece(bars.slice(at, at + BATCH_PIECE), true);
  kept.set(at, known);
  return known;
}
