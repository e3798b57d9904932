/** The one engine of an answer: with lost clocks and a late beginning where they explain more. */
import { hasOwnRepeats, ID_KEYS, type Keys, MERGING_KEYS } from "./engine-keys.ts";
import { absence } from "./engine-model.ts";
import type { AuditWindow } from "./engine-windows.ts";
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
  const byId = finalists(evidence, settings, ID_KEYS);
  const isSuffix = ({ engine }: Fit) => engine.lateness.kind === "suffix";
  // What only the suffix rule makes, merging may make too, with less belief.
  const isMade = byId.some((fit) => !isSuffix(fit) && fit.failing.length === 0);
  const merging = isMade ? [] : MERGING_KEYS.filter((keys) => isMerged(evidence, keys));
  const fits = [...byId, ...finalists(evidence, settings, merging)];
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

/** Whether trades are merged in at least two windows that have rows. */
export function isMergeConfirmed({ log, windows }: Evidence, { engine, clock }: Fit): boolean {
  if (!MERGING_KEYS.includes(engine.keys)) return true;
  const isMerged = ({ exact, end_us }: AuditWindow) =>
    exact.some((i) => absence(log, engine, clock, i, end_us) === "repeated");
  return windows.filter((window) => window.row !== null && isMerged(window)).length > 1;
}

/** Whether some row lacks just the trades that these keys merge: only then such engines are tried. */
function isMerged(evidence: Evidence, keys: Keys): boolean {
  const { log, windows } = evidence;
  if (!hasOwnRepeats(log, keys)) return false;
  const { earlier, later } = log.links[keys]!;
  return [earlier, later].some((links) =>
    windows.some((window) => {
      if (window.row === null) return false;
      const kept = window.exact.filter((i) => links[i] === -1);
      return kept.length < window.exact.length && evidence.fitsLoosely(window, kept);
    }),
  );
}
