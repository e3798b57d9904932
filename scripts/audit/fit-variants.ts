/** The ways in which engines work, as far as an input can tell them apart. */
import type { Counts, EngineModel, LatenessModel, SparkTrace } from "./audit-types.ts";
import { hasOwnRepeats, ID_KEYS, type Keys } from "./engine-keys.ts";
import { type EngineLog, KIND } from "./engine-log.ts";
import type { Engine } from "./engine-model.ts";

const SECOND_US = 1_000_000;
/** Delays that are tried when none is given. */
export const DELAYS_US: readonly number[] = [
  0, 1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1_800, 3_600, 86_400,
].map((seconds) => seconds * SECOND_US);

export interface FitSettings {
  trace: SparkTrace | undefined;
  /** Undefined: found among DELAYS_US. */
  lateness_us: number | undefined;
}

/** One way to work. */
export interface Variant {
  engine: Engine;
  /** Spark's late rows: by the watermark of the batch before (1, from 3.4 on), or of its own (0). */
  lag: 0 | 1;
}

/**
 * All ways to work with these keys that this input can tell apart, the simplest first. `countsIds`:
 * counts may be of distinct ids beside sums of all records.
 */
export function variants(log: EngineLog, settings: FitSettings, among: readonly Keys[], countsIds: boolean): Variant[] {
  const { trace } = settings;
  const isRepeated = log.repeated > 0 || log.earlier_of_all.some((i) => i !== -1);
  const isMerging = among.some((keys) => !ID_KEYS.includes(keys));
  const repeats = isMerging
    ? (["first", "last"] as const)
    : isRepeated
      ? (["first", "all", "last"] as const)
      : (["first"] as const);
  const has = (kind: number) => log.kind.includes(kind);
  const malformed = [
    "skipped" as const,
    ...(has(KIND.readable) ? ["readable" as const] : []),
    ...(has(KIND.nulls) ? ["nulls" as const] : []),
  ];
  const contents = repeats.flatMap((repeated) =>
    malformed.flatMap((refused) =>
      countsOf(repeated, refused, countsIds).flatMap((counts) =>
        keysOf(log, repeated, among).map((keys) => ({ repeats: repeated, malformed: refused, counts, keys })),
      ),
    ),
  );
  return latenesses(log, settings).flatMap(({ lateness, late_by, lag }) =>
    contents
      // Spark drops rows by their own time only where it drops duplicates.
      .filter((one) => late_by === "window" || lateness.kind === "each_record" || one.repeats === "first")
      .map((content) => ({
        lag,
        engine: { ...content, lateness, late_by, begins: trace?.begins ?? new Map() },
      })),
  );
}

/** What counts can be of, where it makes a difference. */
function countsOf(repeats: EngineModel["repeats"], malformed: EngineModel["malformed"], countsIds: boolean): Counts[] {
  const isOfIds = countsIds && repeats === "all";
  return ["records", ...(malformed === "nulls" ? ["prices" as const] : []), ...(isOfIds ? ["ids" as const] : [])];
}

/** By what repeats are found, where it makes a difference. */
function keysOf(log: EngineLog, repeats: EngineModel["repeats"], among: readonly Keys[]): Keys[] {
  return among.filter((keys) => keys === "exact" || (repeats !== "all" && hasOwnRepeats(log, keys)));
}

interface LatenessVariant {
  lateness: LatenessModel;
  late_by: Engine["late_by"];
  lag: 0 | 1;
}

function latenesses(log: EngineLog, { trace, lateness_us }: FitSettings): LatenessVariant[] {
  const by = ["window", "row"] as const;
  const of = (lateness: LatenessModel, lag: 0 | 1 = 1) => by.map((late_by) => ({ lateness, late_by, lag }));
  if (trace !== undefined) return [...of({ kind: "trace", trace }, 1), ...of({ kind: "trace", trace }, 0)];
  const none: LatenessVariant = { lateness: { kind: "none" }, late_by: "window", lag: 1 };
  const hasMany = log.products.length > 1 || log.partition.some((partition) => partition !== log.partition[0]);
  const scopes = hasMany ? (["product", "partition"] as const) : (["product"] as const);
  const delays = lateness_us === undefined ? DELAYS_US : [lateness_us];
  return [
    none,
    ...delays.flatMap((delay_us) =>
      scopes
        .flatMap((scope) => of({ kind: "each_record", delay_us, scope }))
        // Without a delay every row is late by its own clock: such an engine has no rows.
        .filter(({ late_by }) => late_by === "window" || delay_us > 0),
    ),
    ...of({ kind: "suffix" }),
  ];
}
