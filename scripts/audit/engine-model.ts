/** One engine in full, and what it does with each record of the input. */
import type { AuditRule, Counts, EngineModel } from "./audit-types.ts";
import { ID_KEYS } from "./engine-keys.ts";
import { type EngineLog, KIND } from "./engine-log.ts";

/** What decides which records a window has: the engine's model, and what the audit alone needs. */
export interface Engine extends Pick<EngineModel, "repeats" | "keys" | "malformed" | "lateness"> {
  /** Late ⇔ the window's end has passed, or ⇔ the record's own time has (Spark's deduplication). */
  late_by: "window" | "row";
  counts: Counts;
  /** First offset that it read, by partition; a partition that is not here was read from its start. */
  begins: ReadonlyMap<number, number>;
}

/** The watermark under which each record is judged. */
export interface Clock {
  /** µs; -Infinity: none yet, NaN: unknown. Null: nothing is ever late. */
  at_us: Float64Array | null;
  /** What is still to be taken from `at_us`. */
  delay_us: number;
  /** Micro-batch of each record; -1: not read any more, or unknown. Null without batches. */
  batch: Int32Array | null;
  /** Restarts at which windows that ended by `closed_us` were forgotten: later ticks open them again. */
  forgotten: readonly { partition: number; offset: number; closed_us: number }[];
  /** The last watermark by which a window of this product could be emitted, µs. */
  last_us(product: number): number;
  /** The same if the engine has read the whole log: a trace can end before. */
  possible_us(product: number): number;
}

export const NO_CLOCK: Clock = {
  at_us: null,
  delay_us: 0,
  batch: null,
  forgotten: [],
  last_us: () => Number.NEGATIVE_INFINITY,
  possible_us: () => Number.NEGATIVE_INFINITY,
};

/** Why a record is not in a window of the engine; null: it is. */
type Absence = "before" | "refused" | "repeated" | "late" | null;

export function absence(log: EngineLog, engine: Engine, clock: Clock, i: number, end_us: number): Absence {
  if (isBefore(log, engine, i)) return "before";
  if (!isAccepted(log, engine, i)) return "refused";
  if (engine.repeats === "first" && hasEarlier(log, engine, i)) return "repeated";
  if (isLate(log, engine, clock, i, end_us)) return "late";
  if (engine.repeats === "last" && hasLater(log, engine, clock, i, end_us)) return "repeated";
  return null;
}

function isBefore(log: EngineLog, engine: Engine, i: number): boolean {
  if (engine.begins.size === 0) return false;
  const begin = engine.begins.get(log.partition[i]!);
  return begin !== undefined && log.offset[i]! < begin;
}

/** Whether the record's fields are enough for this engine. */
export function isAccepted(log: EngineLog, engine: Pick<Engine, "malformed">, i: number): boolean {
  const kind = log.kind[i]!;
  if (kind === KIND.tick) return true;
  if (engine.malformed === "skipped") return false;
  return kind === KIND.readable || (kind === KIND.nulls && engine.malformed === "nulls");
}

function isLate(log: EngineLog, engine: Engine, clock: Clock, i: number, end_us: number): boolean {
  if (clock.at_us === null) return false;
  const watermark_us = clock.at_us[i]! - clock.delay_us;
  if (engine.late_by === "window") return end_us <= watermark_us;
  // A record moves its own clock first; Spark's watermark is of records before it.
  return engine.lateness.kind === "each_record" ? log.time_us[i]! < watermark_us : log.time_us[i]! <= watermark_us;
}

function linksOf(log: EngineLog, { malformed, keys }: Engine, to: "earlier" | "later"): Int32Array {
  const own = log.links[keys];
  if (own) return own[to];
  return malformed === "skipped" ? log[to] : log[`${to}_of_all`];
}

function hasEarlier(log: EngineLog, engine: Engine, i: number): boolean {
  const links = linksOf(log, engine, "earlier");
  for (let at = links[i]!; at !== -1; at = links[at]!)
    if (!isBefore(log, engine, at) && isAccepted(log, engine, at)) return true;
  return false;
}

function hasLater(log: EngineLog, engine: Engine, clock: Clock, i: number, end_us: number): boolean {
  const links = linksOf(log, engine, "later");
  for (let at = links[i]!; at !== -1; at = links[at]!)
    if (isAccepted(log, engine, at) && !isLate(log, engine, clock, at, end_us)) return true;
  return false;
}

/** Whether Tidemark's rules count the record: a tick, and the first arrival of its id. */
export function isExact(log: EngineLog, i: number): boolean {
  return log.kind[i] === KIND.tick && log.earlier[i] === -1;
}

/** The engine's members of a window, of its arrivals in log order. */
export function membersOf(
  log: EngineLog,
  engine: Engine,
  clock: Clock,
  window: { arrivals: readonly number[]; end_us: number },
): number[] {
  const members = window.arrivals.filter((i) => absence(log, engine, clock, i, window.end_us) === null);
  return clock.forgotten.reduce((kept, { partition, offset, closed_us }) => {
    const isAfter = (i: number) => log.partition[i] === partition && log.offset[i]! >= offset;
    return window.end_us <= closed_us && kept.some(isAfter) ? kept.filter(isAfter) : kept;
  }, members);
}

/** The rule behind a record that is in one of the two windows only. */
export function ruleOf(missing: Absence | "surplus", log: EngineLog, i: number, { keys }: Engine): AuditRule {
  if (missing === "late") return "W2";
  if (missing === "before") return "W10";
  if (missing === "repeated") return keys === "exact" ? "W3" : ID_KEYS.includes(keys) ? "W6" : "W13";
  return log.kind[i] === KIND.tick ? "W3" : "W5";
}
