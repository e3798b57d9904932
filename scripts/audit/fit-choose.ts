/** The one engine of an answer: with lost clocks and a late beginning where they explain more. */
import { withBegins } from "./fit-begins.ts";
import { best, type Evidence, type Fit, type FitSettings, finalists } from "./fit-model.ts";
import { withRestarts } from "./late-restarts.ts";

/** The engine that reproduces most; of equals the one that leaves the least to belief. */
export function chooseFit(evidence: Evidence, settings: FitSettings): Fit {
  const fits = finalists(evidence, settings);
  const sure = best(fits.filter(({ engine }) => engine.lateness.kind !== "suffix"));
  if (sure.failing.length === 0) return sure;
  const recorded = fits.filter(({ engine }) => engine.lateness.kind === "each_record");
  const suffix = fits.filter(({ engine }) => engine.lateness.kind === "suffix");
  const candidates = [
    sure,
    ...(recorded.length === 0 ? [] : [withRestarts(evidence, best(recorded))]),
    ...(suffix.length === 0 ? [] : [best(suffix)]),
  ];
  return best(candidates.map((fit) => withBegins(evidence, fit)));
}
