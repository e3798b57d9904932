/** W8: offsets at which an engine lost its clock, found from late ticks that it kept. */
import type { Answers } from "./audit-types.ts";
import { absence, membersOf } from "./engine-model.ts";
import { best, type Evidence, type Fit } from "./fit-model.ts";
import type { Restart } from "./late-clock.ts";

/** Lost clocks per answer, and the offsets that are tried for each. */
const RESTARTS_MAX = 4;
const OFFSETS_TRIED = 40;
/** More windows than these are not one clock's loss, but another engine. */
const FAILING_MAX = 24;

/** The fit with the lost clocks that explain windows which the uninterrupted clock does not. */
export function withRestarts(evidence: Evidence, fit: Fit): Fit {
  if (fit.engine.lateness.kind !== "each_record") return fit;
  let found = fit;
  const { engine, lag } = fit;
  for (let n = 0; n < RESTARTS_MAX && found.failing.length > 0 && found.failing.length <= FAILING_MAX; n++) {
    const { failing, restarts } = found;
    const tried = candidates(evidence, found).map((restart) =>
      evidence.fit({ engine, lag }, [...restarts, restart], failing),
    );
    if (tried.length === 0) break;
    const next = best(tried);
    const whole = next.reproduced === 0 ? found : evidence.fit({ engine, lag }, next.restarts);
    if (whole.reproduced <= found.reproduced) break;
    found = whole;
  }
  return found;
}

/**
 * Whether each lost clock is more than a guess: leaving it out breaks several windows, or the one that
 * it breaks has an earlier row (W9) which is what the clock makes without that loss.
 */
export function isLossConfirmed(evidence: Evidence, fit: Fit, { superseded, shape }: Answers): boolean {
  const { engine, lag, restarts } = fit;
  const failing = new Set(fit.failing);
  return restarts.every((restart) => {
    const without = evidence.fit(
      { engine, lag },
      restarts.filter((other) => other !== restart),
    );
    const [first, ...more] = without.failing.filter((window) => !failing.has(window));
    if (first === undefined || more.length > 0) return more.length > 0;
    const members = membersOf(evidence.log, engine, without.clock, first);
    return superseded.some(
      (row) =>
        row.window_start_us + shape.shift_us === first.start_us &&
        (row.product_id === null || row.product_id === first.product_id) &&
        evidence.fitsRow(fit, first, members, row),
    );
  });
}

/** Just before each late tick of a window that is not reproduced, and as early as it could be kept. */
function candidates(evidence: Evidence, { engine, clock, failing }: Fit): Restart[] {
  const { log } = evidence;
  const restarts: Restart[] = [];
  for (const { arrivals, end_us, row } of failing) {
    if (row === null) continue;
    for (const i of arrivals) {
      if (absence(log, engine, clock, i, end_us) !== "late") continue;
      const partition = log.partition[i]!;
      const add = (offset: number) => {
        for (const forgets of [false, true]) restarts.push({ partition, offset, forgets });
      };
      add(log.offset[i]!);
      let from = i;
      for (let at = i - 1; at >= 0; at--) {
        if (log.partition[at] !== partition) continue;
        if (log.time_us[at]! - clock.delay_us >= end_us) break;
        from = at;
      }
      if (from !== i) add(log.offset[from]!);
      if (restarts.length >= OFFSETS_TRIED) return restarts;
    }
  }
  return restarts;
}
