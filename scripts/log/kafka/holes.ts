/** Holes: offsets that hold neither a record nor a transaction marker, so a record was lost. */

export interface Hole {
  /** Index of the record after it. */
  at: number;
  /** Number of offsets. */
  lost: number;
}

/**
 * The holes before records, from the requested offset `expected` on. `kept` are the records'
 * offsets, `all` also those of markers and aborted records; both rise.
 */
export function holesOf(kept: ArrayLike<number>, all: ArrayLike<number>, expected: number): Hole[] {
  const holes: Hole[] = [];
  if (all[0] === expected && all[all.length - 1]! - expected + 1 === all.length) return holes;
  let at = 0;
  let next = expected;
  for (let i = 0; i < all.length; i++) {
    const offset = all[i]!;
    if (offset < next) continue;
    while (at < kept.length && kept[at]! < offset) at++;
    const lost = offset - next;
    next = offset + 1;
    if (lost === 0 || at === kept.length) continue;
    const before = holes.at(-1);
    if (before?.at === at) before.lost += lost;
    else holes.push({ at, lost });
  }
  return holes;
}
