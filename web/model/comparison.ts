/** The table of measures for both pipelines, as docs/measures.md defines them. */
import { ageMeasures, lagMeasures } from "./age-measures.ts";
import { costMeasures } from "./costs.ts";
import { figure, type Measure, none } from "./figures.ts";
import { completenessMeasures, finalityMeasures } from "./final-measures.ts";
import { clockOffset, latencyMeasures } from "./latency-measures.ts";
import { momentOf } from "./measure-moment.ts";
import { agreementOf, notCounted } from "./reconciliation.ts";
import type { Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";
import type { Status } from "./status.ts";

/** All measures; one that was not measured in this run has the reason instead. */
export function comparison(sources: Sources, selection: Selection, status: Status): Measure[] {
  const moment = momentOf(sources, selection, status.feed);
  return [
    ...latencyMeasures(moment),
    ...ageMeasures(moment),
    ...lagMeasures(moment),
    ...finalityMeasures(moment),
    ...completenessMeasures(moment),
    agreementMeasure(sources, selection),
    clockOffset(moment),
    ...costMeasures(moment, status),
  ];
}

function agreementMeasure(sources: Sources, selection: Selection): Measure {
  const counts = agreementOf(sources, selection);
  const missing = none(notCounted(sources) ?? "no reconciliation has run yet");
  const note = counts === null ? "" : `run ${counts.run_id}, ${counts.product}, windows of ${counts.window}`;
  return {
    word: "agreement",
    definition:
      "closed windows of this product and size equal in every column ÷ those compared; explained: they differ by exactly their late ticks; unexplained: must be zero",
    stream: counts ? figure({ compared: counts.compared, equal: counts.equal }, [note]) : missing,
    batch: counts
      ? figure({ explained: counts.explained, unexplained: counts.unexplained, pending: counts.pending }, [note])
      : missing,
  };
}
