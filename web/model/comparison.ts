/** The table of measures for both pipelines, as docs/measures.md defines them. */
import { ageMeasures, lagMeasures } from "./age-measures.ts";
import { costMeasures } from "./costs.ts";
import { figure, type Measure, none } from "./figures.ts";
import { completenessMeasures, finalityMeasures } from "./final-measures.ts";
import { clockOffset, latencyMeasures } from "./latency-measures.ts";
import { momentOf } from "./measure-moment.ts";
import { agreement } from "./runs.ts";
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
    agreementMeasure(sources),
    clockOffset(moment),
    ...costMeasures(sources, status),
  ];
}

function agreementMeasure(sources: Sources): Measure {
  const counts = agreement(sources);
  const missing = none("no reconciliation has run yet");
  return {
    word: "agreement",
    definition:
      "windows equal in every column ÷ windows compared; explained: they differ by exactly their late ticks; unexplained: must be zero",
    stream: counts ? figure({ compared: counts.compared, equal: counts.equal }) : missing,
    batch: counts
      ? figure({ explained: counts.explained, unexplained: counts.unexplained, pending: counts.pending })
      : missing,
  };
}
