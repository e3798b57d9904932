/** The one engine of an answer: with lost clocks and a late beginning where they explain more. */
import { withBegins } from "./fit-begins.ts";
import { best, type Evidence, type Fit } from "./fit-model.ts";
import { finalists } from "./fit-rank.ts";
import type { FitSettings } from "./fit-variants.ts";
import { withRestarts } from "./late-restarts.ts";

/** Engines that the quick comparison cannot tell apart and that are compared digit for digit. */
const TIED_MAX = 120;
/** The same of more records than these: each takes a third of a second. */
const LARGE_RECORDS = 100_000;
const TIED_LARGE_MAX = 8;

/**
 * The engines that reproduce most, the one that leaves the least to belief first: no lateness, a
 * clock, a clock that was lost, and the suffix rule last.
 */
export function bestFits(evidence: Evidence, settings: FitSettings): Fit[] {
  const fits = finalists(evidence, settings);
  const isSuffix = ({ engine }: Fit) => engine.lateness.kind === "suffix";
  const sure = fits.filter((fit) => !isSuffix(fit));
  const suffix = fits.filter(isSuffix);
  let all = [...sure, ...suffix];
  if (sure.length === 0 || best(sure).failing.length > 0) {
    const recorded = sure.filter(({ engine }) => engine.lateness.kind === "each_record");
    const restarted = recorded.length === 0 ? [] : [withRestarts(evidence, best(recorded))];
    const tops = [sure, restarted, suffix].flatMap((list) => (list.length === 0 ? [] : [best(list)]));
    all = [...sure, ...restarted, ...suffix, ...tops.map((fit) => withBegins(evidence, fit))];
  }
  const most = best(all).reproduced;
  const tied = all.filter(({ reproduced }) => reproduced === most);
  const isSure = tied.some((fit) => !isSuffix(fit));
  const tiedMax = evidence.log.records.length > LARGE_RECORDS ? TIED_LARGE_MAX : TIED_MAX;
  return tied.filter((fit) => !isSure || !isSuffix(fit)).slice(0, tiedMax);
}
