/** W10 without a trace: from which record on a foreign job read, if its first windows tell. */

import type { EngineLog } from "./engine-log.ts";
import { type Clock, membersOf } from "./engine-model.ts";
import type { AuditWindow } from "./engine-windows.ts";
import { fitsLoosely, LooseSums } from "./fit-loose.ts";
import { best, type Evidence, type Fit } from "./fit-model.ts";

/** Windows at the beginning whose rows can tell where the job began. */
const FIRST_WINDOWS = 4;
/** Beginnings that are tried on all windows. */
const BEGINS_TRIED = 12;

/** The fit with the beginning that explains most, if one explains more than reading from the start. */
export function withBegins(evidence: Evidence, fit: Fit): Fit {
  if (fit.failing.length === 0 || fit.engine.begins.size > 0) return fit;
  const { log, windows } = evidence;
  const first = new Set(fit.failing);
  const early = [...windows].sort((a, b) => a.start_us - b.start_us);
  const rowless = early.slice(
    0,
    Math.max(
      0,
      early.findIndex(({ row }) => row !== null),
    ),
  );
  const wrong = early.filter((one) => one.row !== null && first.has(one)).slice(0, FIRST_WINDOWS);
  const candidates = [
    // Arrivals ascend, and a window without a row has some.
    ...(rowless.length === 0
      ? []
      : [1 + rowless.reduce((last, { arrivals }) => Math.max(last, arrivals.at(-1) ?? 0), 0)]),
    ...wrong.flatMap((window) => beginsOf(evidence, fit, window)),
  ];
  const tried = [...new Set(candidates)].sort((a, b) => a - b).slice(0, BEGINS_TRIED);
  const begun = tried.map((at) =>
    evidence.fit({ engine: { ...fit.engine, begins: beginsAt(log, at) }, lag: fit.lag }, fit.restarts),
  );
  return best([fit, ...begun]);
}

/** Records from which on the window's ticks make its row, the smallest offset that is consistent. */
function beginsOf(evidence: Evidence, { engine, clock }: Fit, window: AuditWindow): number[] {
  const { log } = evidence;
  const row = evidence.looseRow(window);
  const open: Clock = { ...clock, at_us: null };
  const begins: number[] = [];
  // Backwards, so that sums grow by what an earlier beginning adds.
  for (const timed of [clock, open]) {
    const members = membersOf(log, engine, timed, window);
    const sums = new LooseSums();
    for (let from = members.length - 1; from > 0; from--) {
      sums.add(log, members[from]!);
      if (fitsLoosely(row, sums, engine.counts)) begins.push(members[from - 1]! + 1);
    }
  }
  return begins;
}

/** A job that began at the newest records began in all partitions at once. */
function beginsAt(log: EngineLog, at: number): Map<number, number> {
  const begins = new Map<number, number>();
  for (let i = at; i < log.records.length; i++) {
    const partition = log.partition[i]!;
    if (!begins.has(partition)) begins.set(partition, log.offset[i]!);
  }
  for (let i = 0; i < at; i++) {
    const partition = log.partition[i]!;
    if (!begins.has(partition)) begins.set(partition, Number.POSITIVE_INFINITY);
  }
  return begins;
}
