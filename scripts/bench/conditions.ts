/** The machine while a run was measured: load, steal, other processes, waits for a processor. */
import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { monotonicMs } from "../base/clock.ts";
import { ownCharge, parseMachine } from "../measure/process-cost.ts";

export interface Conditions {
  seconds: number;
  /** Load average of the minute before the run. */
  load: number;
  /** Share of the processors' time that the hypervisor took away; null where it is not reported. */
  steal: number | null;
  /** Cores that processes used that are neither the bench nor its children: a broker is one of them. */
  other_cores: number | null;
  /** Share of the time in which some process waited for a processor, the bench's own included. */
  pressure: number | null;
}

/** A run above these is marked as disturbed. */
const STEAL_MAX = 0.01;
const OTHER_CORES_MAX = 0.2;
/** These limits, for people. */
export const LIMITS_TEXT =
  `A run with more than ${percent(STEAL_MAX)} of steal, or more than ${OTHER_CORES_MAX} cores of other processes, ` +
  "is disturbed: it counts, and is named.";

/** Begins to observe; the result ends it. */
export function observe(): () => Conditions {
  const load = loadavg()[0]!;
  const before = reading();
  return () => {
    const after = reading();
    const grown = (name: keyof typeof after) => {
      const [from, to] = [before[name], after[name]];
      return from === null || to === null ? null : to - from;
    };
    const elapsed_us = grown("at_us")!;
    const [stolen_us, busy_us, waited_us] = [grown("stolen_us"), grown("busy_us"), grown("waited_us")];
    return {
      seconds: elapsed_us / 1e6,
      load,
      steal: stolen_us === null ? null : stolen_us / (elapsed_us * cpus().length),
      // The kernel counts the machine and its processes separately: a little below 0 is nothing.
      other_cores: busy_us === null ? null : Math.max(0, busy_us - grown("own_us")!) / elapsed_us,
      pressure: waited_us === null ? null : waited_us / elapsed_us,
    };
  };
}

/** Why a run is marked, for people; a broker on this machine is part of the run. */
export function disturbances({ steal, other_cores }: Conditions, withBroker: boolean): string[] {
  const found: string[] = [];
  if (steal !== null && steal > STEAL_MAX)
    found.push(`steal ${percent(steal)} of the processors (limit ${percent(STEAL_MAX)})`);
  if (other_cores !== null && other_cores > OTHER_CORES_MAX && !withBroker)
    found.push(`other processes used ${other_cores.toFixed(2)} cores (limit ${OTHER_CORES_MAX})`);
  return found;
}

/** A share as text: 0.012 → "1.2 %". */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** From the text of /proc/pressure/cpu: microseconds in which some process waited; null if it differs. */
export function parsePressure(text: string): number | null {
  const total = /^some .*\btotal=(\d+)/m.exec(text)?.[1];
  return total === undefined ? null : Number(total);
}

function reading() {
  const machine = parseMachine(textOf("/proc/stat"));
  return {
    at_us: monotonicMs() * 1_000,
    own_us: ownCharge().cpu_us,
    busy_us: machine?.busy_us ?? null,
    stolen_us: machine?.stolen_us ?? null,
    waited_us: parsePressure(textOf("/proc/pressure/cpu")),
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
