/** Finding a place in what is sorted by a number. */

/** Index of the first of them whose number is `least` or more; their count if there is none. */
export function indexFrom<T>(sorted: readonly T[], least: number, numberOf: (one: T) => number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numberOf(sorted[middle]!) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
