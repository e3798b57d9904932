/** The outcome of one window as a sentence. */
import type { Outcome } from "../../scripts/contract/page-events.ts";
import type { DetailColumn, WindowDetail } from "../../scripts/contract/window-explained.ts";

interface Known {
  state: WindowDetail["state"];
  outcome: Outcome | null;
  columns: readonly DetailColumn[];
  late: number;
  as_of_us: number | null;
  isSummed: boolean;
  /** The store has trades of `backfill` in a minute of it. */
  holdsHistory: boolean;
}

const HISTORY = "Not compared: a minute of it holds trades that backfill loaded, and the stream skips those";

/** What is known of a window's agreement. */
export function outcomeText({ state, outcome, columns, late, as_of_us, isSummed, holdsHistory }: Known): string {
  if (as_of_us !== null)
    return state === "open"
      ? "It was open then: its row of then is not kept, but its ticks are"
      : "It was closed then; what the batch had answered then is not kept, but its ticks are";
  if (state === "none" && outcome === "history") return HISTORY;
  if (state === "none") return "The stream has not opened it yet: only the batch has its ticks";
  if (state === "open" && holdsHistory) return HISTORY;
  if (state === "open") return "Open: it is compared once it has closed and a batch run has read all its ticks";
  const differing = columns.filter(({ mark }) => mark === "differs").length;
  const ticks = late === 1 ? "its late tick" : `its ${late} late ticks`;
  switch (outcome) {
    case "equal":
      return differing === 0
        ? `Equal in every column${isSummed ? ", as each window from which it is summed" : ""}`
        : "Equal up to the position that both had read; the batch has read more ticks of it since";
    case "explained":
      return `${differing} columns differ by exactly ${ticks}`;
    case "unexplained":
      return "Stream and batch differ without an explanation";
    case "unread":
      return "Not compared: some of its ticks had left the log before a stage was rebuilt";
    case "history":
      return HISTORY;
    default:
      return "Closed and not compared yet: a batch run with all its ticks compares it";
  }
}
