/** W8: offsets at which an engine lost its clock, found from ticks that it kept although they were late. */
import { absence } from "./engine-model.ts";
import { best, type Evidence, type Fit } from "./fit-model.ts";
import type { Restart } from "./late-clock.ts";

/** Lost clocks per answer, and the offsets that are tried for each. */
const RESTARTS_MAX = 4;
const OFFSETS_TRIED = 40;

/** The fit with the lost clocks that explain windows which the uninterrupted clock does not. */
export function withRestarts(evidence: Evidence, fit: Fit): Fit {
  if (fit.engine.lateness.kind !== "each_record") return fit;
  let found = fit;
  for (let n = 0; n < RESTARTS_MAX && found.failing.length > 0; n++) {
    const tried = candidates(evidence, found).map((restart) =>
      evidence.fit({ engine: fit.engine, lag: fit.lag }, [...found.restarts, restart]),
    );
    const next = best([found, ...tried]);
    if (next === found) break;
    found = next;
  }
  return found;
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
      restarts.push({ partition, offset: log.offset[i]! });
      let from = i;
      for (let at = i - 1; at >= 0; at--) {
        if (log.partition[at] !== partition) continue;
        if (log.time_us[at]! - clock.delay_us >= end_us) break;
        from = at;
      }
      if (from !== i) restarts.push({ partition, offset: log.offset[from]! });
      if (restarts.length >= OFFSETS_TRIED) return restarts;
    }
  }
  return restarts;
}
