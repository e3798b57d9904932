/** The drift of the exchange's clock against ours, from the stamps of what it sends. */

/** The least difference is kept per this time, for an hour; a drift is known after ten minutes. */
const SPAN_US = 10_000_000;
const KEPT_US = 3_600_000_000;
const KNOWN_AFTER_US = 600_000_000;

interface Least {
  at_us: number;
  us: number;
}

export class StampDrift {
  /** By time: the least receipt − stamp of each span. */
  #points: Least[] = [];

  /** Takes our receipt of a message and receipt − its stamp, in microseconds. */
  note(received_us: number, difference_us: number): void {
    const last = this.#points.at(-1);
    if (last !== undefined && Math.floor(last.at_us / SPAN_US) === Math.floor(received_us / SPAN_US)) {
      if (difference_us < last.us) this.#points[this.#points.length - 1] = { at_us: received_us, us: difference_us };
      return;
    }
    // A clock that was set back: what follows is not a line with what was before.
    if (last !== undefined && received_us < last.at_us) this.begin();
    this.#points.push({ at_us: received_us, us: difference_us });
    while (this.#points[0]!.at_us < received_us - KEPT_US) this.#points.shift();
  }

  /** One of the clocks was set. */
  begin(): void {
    this.#points = [];
  }

  /**
   * How much the exchange's clock gains on ours (1e-6: a microsecond per second); null in the first ten
   * minutes. Delays only add to receipt − stamp, so the line under all points has the drift: it is the
   * edge of their lower convex hull over the middle of the time.
   */
  drift(): number | null {
    const [first, last] = [this.#points[0], this.#points.at(-1)];
    if (first === undefined || last!.at_us - first.at_us < KNOWN_AFTER_US) return null;
    const hull = lowerHull(this.#points);
    const middle_us = (first.at_us + last!.at_us) / 2;
    const right = hull.findIndex(({ at_us }) => at_us >= middle_us);
    return -slope(hull[right - 1]!, hull[right]!);
  }
}

/** Points in the order of time → those of their lower convex hull. */
function lowerHull(points: readonly Least[]): Least[] {
  const hull: Least[] = [];
  for (const point of points) {
    while (hull.length > 1 && slope(hull.at(-2)!, hull.at(-1)!) >= slope(hull.at(-1)!, point)) hull.pop();
    hull.push(point);
  }
  return hull;
}

function slope(a: Least, b: Least): number {
  return (b.us - a.us) / (b.at_us - a.at_us);
}
