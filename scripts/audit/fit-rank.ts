/** Ranks the ways to work by the windows that they reproduce, the quick ones first. */
import type { Keys } from "./engine-keys.ts";
import type { Evidence, Fit } from "./fit-model.ts";
import { type FitSettings, type Variant, variants } from "./fit-variants.ts";

/** Records times engines up to which every clock is tried with every way to count. */
const FULL_SEARCH_MAX = 8_000_000;
/** Beyond it, every clock is tried with the first ways to count alone. */
const CONTENTS = 2;
/** Clocks that are tried with all ways to count. */
const CLOCKS = 8;
/** Engines of each round that are tried on all windows, of a large input and of a small one. */
const FINALISTS = 24;
const FINALISTS_SMALL = 120;
/** And only those that reproduce this share of what the best one does. */
const CLOSE_SHARE = 0.97;

/** The best engines: ranked on telling windows by what they count, by clock, and by both; then on all. */
export function finalists(evidence: Evidence, settings: FitSettings, keys: readonly Keys[]): Fit[] {
  const all = variants(evidence.log, settings, keys, evidence.countsIds);
  if (all.length === 0) return [];
  const { telling } = evidence;
  const known = new Map<Variant, number>();
  const reproducedBy = (variant: Variant) => {
    const reproduced = known.get(variant) ?? evidence.fit(variant, [], telling).reproduced;
    known.set(variant, reproduced);
    return reproduced;
  };
  const rank = (list: readonly Variant[]) =>
    list.map((variant) => ({ variant, reproduced: reproducedBy(variant) })).sort((a, b) => b.reproduced - a.reproduced);
  const isQuick = ({ engine }: Variant) => engine.lateness.kind !== "each_record";
  const first = rank(all.filter(isQuick));
  const counted = [...new Set(first.map(({ variant }) => contentKey(variant)))];
  const isSmall = all.length * evidence.log.records.length <= FULL_SEARCH_MAX;
  const finals = isSmall ? FINALISTS_SMALL : FINALISTS;
  const contents = new Set(first.length === 0 || isSmall ? all.map(contentKey) : counted.slice(0, CONTENTS));
  if (
    first.some(({ variant, reproduced }) => reproduced === telling.length && variant.engine.lateness.kind !== "suffix")
  )
    return first.slice(0, finals).map(({ variant }) => evidence.fit(variant));
  const clocks = rank(all.filter((one) => !isQuick(one) && contents.has(contentKey(one))));
  const best = new Set(
    [...new Set(clocks.map(({ variant }) => clockKey(variant)))].slice(0, isSmall ? undefined : CLOCKS),
  );
  const second = rank(all.filter((one) => !isQuick(one) && best.has(clockKey(one))));
  // In the order of `all`: of equals, the simplest is chosen.
  const top = Math.max(...[...first, ...second].map(({ reproduced }) => reproduced));
  const isClose = ({ reproduced }: { reproduced: number }) => reproduced >= top * CLOSE_SHARE - 1;
  const close = [first, second].flatMap((list) => list.slice(0, finals).filter(isClose));
  const last = new Set([first[0], second[0], ...close].map((one) => one?.variant));
  return all.filter((variant) => last.has(variant)).map((variant) => evidence.fit(variant));
}

/** What an engine counts, apart from lateness. */
function contentKey({ engine }: Variant): string {
  return `${engine.repeats} ${engine.malformed} ${engine.counts} ${engine.keys}`;
}

function clockKey({ engine }: Variant): string {
  return `${JSON.stringify(engine.lateness)} ${engine.late_by}`;
}
