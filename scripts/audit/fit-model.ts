/** The one engine that reproduces most of an answer, chosen among the ways in which engines work. */
import type { AuditColumn, EngineModel, ForeignRow, LatenessModel, SparkTrace } from "./audit-types.ts";
import { type EngineLog, KIND } from "./engine-log.ts";
import { type Clock, type Engine, membersOf } from "./engine-model.ts";
import type { AuditWindow } from "./engine-windows.ts";
import { columnPlaces, fitsLoosely, type LooseRow, looseRow, looseSums } from "./fit-loose.ts";
import { clockOf, latestBefore, type Restart } from "./late-clock.ts";
import { couldBeLate, droppedSets } from "./late-suffix.ts";

const SECOND_US = 1_000_000;
/** Delays that are tried when none is given, in seconds. */
const DELAYS_S = [0, 1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1_800, 3_600, 86_400];

/** Windows by which engines are ranked before the best ones are tried on all. */
const TELLING_MAX = 240;
/** Records times engines up to which every clock is tried with every way to count. */
const FULL_SEARCH_MAX = 8_000_000;
/** Beyond it, every clock is tried with the first ways to count alone. */
const CONTENTS = 2;
/** Clocks that are tried with all ways to count. */
const CLOCKS = 8;
/** Engines of each round that are tried on all windows. */
const FINALISTS = 24;
/** And only those that reproduce this share of what the best one does. */
const CLOSE_SHARE = 0.97;

/** An engine with what was computed for it. */
export interface Fit {
  engine: Engine;
  clock: Clock;
  /** Spark's late rows: by the watermark of the batch before (1, from 3.4 on), or of its own (0). */
  lag: 0 | 1;
  restarts: readonly Restart[];
  /** Windows that it reproduces, and those that it does not. */
  reproduced: number;
  failing: AuditWindow[];
}

export interface FitSettings {
  trace: SparkTrace | undefined;
  /** Undefined: found among DELAYS_S. */
  lateness_us: number | undefined;
  fixed: Partial<EngineModel>;
}

type Variant = Pick<Fit, "engine" | "lag">;

/** The rows as evidence: each window's quick numbers, computed once. */
export class Evidence {
  readonly #rows = new Map<AuditWindow, LooseRow>();
  readonly #isExact = new Map<AuditWindow, boolean>();
  /** Windows in which every engine holds the same ticks, as far as lateness and refusals go. */
  readonly #isPlain = new Map<AuditWindow, boolean>();
  readonly #places: ReadonlyMap<AuditColumn, number>;
  readonly #lastRow = new Map<number, number>();
  /** Greatest event time of a tick before each record, and of all. */
  readonly latest_us: Float64Array;
  readonly last_us: number;

  constructor(
    readonly log: EngineLog,
    readonly windows: readonly AuditWindow[],
    readonly settings: FitSettings,
  ) {
    this.latest_us = latestBefore(log, { malformed: settings.fixed.malformed ?? "skipped" });
    const last = this.latest_us.length - 1;
    this.last_us = Math.max(
      this.latest_us[last] ?? Number.NEGATIVE_INFINITY,
      log.kind[last] === KIND.tick ? log.time_us[last]! : Number.NEGATIVE_INFINITY,
    );
    this.#places = columnPlaces(windows.flatMap(({ row }) => (row === null ? [] : [row])));
    for (const window of windows) {
      const { row, product, end_us, arrivals, exact } = window;
      this.#isPlain.set(window, arrivals.length === exact.length && arrivals.every((i) => this.latest_us[i]! < end_us));
      if (row === null) continue;
      const loose = looseRow(row, this.#places);
      this.#rows.set(window, loose);
      this.#isExact.set(window, fitsLoosely(loose, looseSums(log, exact), "records"));
      this.#lastRow.set(product, Math.max(this.#lastRow.get(product) ?? end_us, end_us));
    }
  }

  /** The windows that can tell engines apart, at most TELLING_MAX, by which engines are ranked. */
  get telling(): readonly AuditWindow[] {
    if (this.windows.length <= TELLING_MAX) return this.windows;
    const isClear = (window: AuditWindow) => window.row === null || !this.#isExact.get(window)!;
    const clear = this.windows.filter(isClear);
    const rest = this.windows.filter((window) => !isClear(window) && !this.#isPlain.get(window)!);
    return [...thinned(clear, (TELLING_MAX * 3) / 4), ...thinned(rest, TELLING_MAX / 4)];
  }

  looseRow(window: AuditWindow): LooseRow {
    return this.#rows.get(window)!;
  }

  /** An engine with its clock, scored. */
  fit({ engine, lag }: Variant, restarts: readonly Restart[] = [], windows = this.windows): Fit {
    const clock = clockOf(this.log, engine, lag, restarts);
    const fit: Fit = { engine, clock, lag, restarts, reproduced: 0, failing: [] };
    const isEarly = this.emitsEarly(fit);
    for (const window of windows)
      if (this.isReproduced(fit, window, isEarly)) fit.reproduced++;
      else fit.failing.push(window);
    return fit;
  }

  isReproduced(fit: Fit, window: AuditWindow, isEarly: boolean): boolean {
    const { engine, clock } = fit;
    if (window.row === null) return this.whyNoRow(fit, window, isEarly) !== null;
    if (this.#isPlain.get(window)! && engine.begins.size === 0 && engine.late_by === "window")
      return this.#isExact.get(window)!;
    if (engine.lateness.kind === "suffix" || isUnknown(clock, window)) return this.dropped(fit, window).length > 0;
    const members = membersOf(this.log, engine, clock, window);
    return fitsLoosely(this.#rows.get(window)!, looseSums(this.log, members), engine.counts);
  }

  /** For the suffix rule: sets of dropped ticks that leave this row. */
  dropped({ engine, clock }: Fit, window: AuditWindow): number[][] {
    const open: Clock = clock.at_us === null ? clock : { ...clock, at_us: null };
    const members = membersOf(this.log, engine, open, window);
    const row = this.#rows.get(window)!;
    return droppedSets(this.log, engine, { members, row, ...this.#late(window) });
  }

  /** The engine's members of a window; by the suffix rule those of the smallest drop that fits. */
  members(fit: Fit, window: AuditWindow): number[] {
    const { engine, clock } = fit;
    const isOpen = engine.lateness.kind === "suffix" || isUnknown(clock, window);
    if (!isOpen || window.row === null) return membersOf(this.log, engine, clock, window);
    const all = membersOf(this.log, engine, { ...clock, at_us: null }, window);
    const dropped = new Set(this.dropped(fit, window)[0] ?? []);
    return all.filter((i) => !dropped.has(i));
  }

  /** Whether members make the window's row, or another row of it. */
  fitsRow({ engine }: Fit, window: AuditWindow, members: readonly number[], other?: ForeignRow): boolean {
    const row = other === undefined ? this.#rows.get(window)! : looseRow(other, this.#places);
    return fitsLoosely(row, looseSums(this.log, members), engine.counts);
  }

  /** Whether rows exist of windows that no watermark can have closed: then none waits for one. */
  emitsEarly({ engine, clock }: Fit): boolean {
    const delay_us = this.settings.lateness_us ?? 0;
    const last_us = this.last_us - delay_us;
    const closed = (product: number) => (engine.lateness.kind === "suffix" ? last_us : clock.last_us(product));
    return this.windows.some(({ row, end_us, product }) => row !== null && end_us > closed(product));
  }

  /** Why the engine has no row of a window that the input has; null: it should have one. */
  whyNoRow({ engine, clock }: Fit, window: AuditWindow, isEarly: boolean): "empty" | "open" | "late" | null {
    const members = membersOf(this.log, engine, clock, window);
    if (members.length === 0) return "empty";
    if (engine.lateness.kind === "none" || isEarly) return null;
    if (engine.lateness.kind !== "suffix") return window.end_us > clock.last_us(window.product) ? "open" : null;
    if (window.end_us > (this.#lastRow.get(window.product) ?? Number.NEGATIVE_INFINITY)) return "open";
    return members.every((i) => couldBeLate(this.log, engine, i, this.#late(window))) ? "late" : null;
  }

  #late({ end_us }: AuditWindow) {
    return { end_us, latest_us: this.latest_us, delay_us: this.settings.lateness_us ?? 0 };
  }
}

/** At most `most` of them, evenly spread. */
function thinned<T>(list: readonly T[], most: number): T[] {
  const step = Math.max(1, list.length / most);
  return Array.from({ length: Math.min(most, list.length) }, (_, i) => list[Math.floor(i * step)]!);
}

/** Whether a window has records of batches that the trace does not reach back to. */
export function isUnknown({ at_us }: Clock, { arrivals }: AuditWindow): boolean {
  return at_us !== null && arrivals.some((i) => Number.isNaN(at_us[i]!));
}

/** All ways to work that this input can tell apart, the simplest first. */
function variants(log: EngineLog, settings: FitSettings): Variant[] {
  const { fixed, trace } = settings;
  const isRepeated = log.repeated > 0 || log.earlier_of_all.some((i) => i !== -1);
  const repeats = fixed.repeats
    ? [fixed.repeats]
    : isRepeated
      ? (["first", "all", "last"] as const)
      : ["first" as const];
  const has = (kind: number) => log.kind.includes(kind);
  const malformed = fixed.malformed
    ? [fixed.malformed]
    : [
        "skipped" as const,
        ...(has(KIND.readable) ? ["readable" as const] : []),
        ...(has(KIND.nulls) ? ["nulls" as const] : []),
      ];
  // Spark drops rows by their own time only where it drops duplicates.
  const repeatsOf = ({ lateness, late_by }: LatenessVariant) =>
    late_by === "window" || lateness.kind === "each_record" ? repeats : repeats.filter((one) => one === "first");
  return latenesses(log, settings).flatMap(({ lateness, late_by, lag }) =>
    repeatsOf({ lateness, late_by, lag }).flatMap((repeated) =>
      malformed.flatMap((refused) =>
        (refused === "nulls" ? (["records", "prices"] as const) : ["records" as const]).map((counts) => ({
          lag,
          engine: {
            arithmetic: fixed.arithmetic ?? "decimal",
            repeats: repeated,
            malformed: refused,
            lateness,
            truncatesToMs: fixed.truncatesToMs ?? false,
            late_by,
            counts,
            begins: trace?.begins ?? new Map(),
          },
        })),
      ),
    ),
  );
}

interface LatenessVariant {
  lateness: LatenessModel;
  late_by: Engine["late_by"];
  lag: 0 | 1;
}

function latenesses(log: EngineLog, { fixed, trace, lateness_us }: FitSettings): LatenessVariant[] {
  const by = ["window", "row"] as const;
  const of = (lateness: LatenessModel, lag: 0 | 1 = 1) => by.map((late_by) => ({ lateness, late_by, lag }));
  if (fixed.lateness !== undefined) return of(fixed.lateness);
  if (trace !== undefined) return [...of({ kind: "trace", trace }, 1), ...of({ kind: "trace", trace }, 0)];
  const none: LatenessVariant = { lateness: { kind: "none" }, late_by: "window", lag: 1 };
  const hasMany = log.products.length > 1 || log.partition.some((partition) => partition !== log.partition[0]);
  const scopes = hasMany ? (["product", "partition"] as const) : (["product"] as const);
  const delays = lateness_us === undefined ? DELAYS_S.map((s) => s * SECOND_US) : [lateness_us];
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

/** The best engines: ranked on telling windows by what they count, by clock, and by both; then on all. */
export function finalists(evidence: Evidence, settings: FitSettings): Fit[] {
  const all = variants(evidence.log, settings);
  const { telling } = evidence;
  const rank = (list: readonly Variant[]) =>
    list
      .map((variant) => ({ variant, reproduced: evidence.fit(variant, [], telling).reproduced }))
      .sort((a, b) => b.reproduced - a.reproduced);
  const isQuick = ({ engine }: Variant) => engine.lateness.kind !== "each_record";
  const first = rank(all.filter(isQuick));
  const counted = [...new Set(first.map(({ variant }) => contentKey(variant)))];
  const isSmall = all.length * evidence.log.records.length <= FULL_SEARCH_MAX;
  const contents = new Set(first.length === 0 || isSmall ? all.map(contentKey) : counted.slice(0, CONTENTS));
  if (
    first.some(({ variant, reproduced }) => reproduced === telling.length && variant.engine.lateness.kind !== "suffix")
  )
    return first.slice(0, FINALISTS).map(({ variant }) => evidence.fit(variant));
  const clocks = rank(all.filter((one) => !isQuick(one) && contents.has(contentKey(one))));
  const best = new Set([...new Set(clocks.map(({ variant }) => clockKey(variant)))].slice(0, CLOCKS));
  const second = rank(all.filter((one) => !isQuick(one) && best.has(clockKey(one))));
  // In the order of `all`: of equals, the simplest is chosen.
  const top = Math.max(...[...first, ...second].map(({ reproduced }) => reproduced));
  const isClose = ({ reproduced }: { reproduced: number }) => reproduced >= top * CLOSE_SHARE - 1;
  const close = [first, second].flatMap((list) => list.slice(0, FINALISTS).filter(isClose));
  const last = new Set([first[0], second[0], ...close].map((one) => one?.variant));
  return all.filter((variant) => last.has(variant)).map((variant) => evidence.fit(variant));
}

/**
 * Windows whose late ticks nothing else confirms: with a longer delay, or none, only this window
 * would not be reproduced. Only for delays that were found from the rows.
 */
export function otherDelays(evidence: Evidence, fit: Fit): { unsupported: Set<AuditWindow> } {
  const { lateness } = fit.engine;
  const unsupported = new Set<AuditWindow>();
  if (lateness.kind !== "each_record" || evidence.settings.lateness_us !== undefined) return { unsupported };
  const failing = new Set(fit.failing);
  const longer = DELAYS_S.map((s) => s * SECOND_US).filter((delay_us) => delay_us > lateness.delay_us);
  const others: LatenessModel[] = [
    ...longer.map((delay_us): LatenessModel => ({ ...lateness, delay_us })),
    { kind: "none" },
  ];
  for (const other of others) {
    const { failing: now } = evidence.fit({ engine: { ...fit.engine, lateness: other }, lag: fit.lag }, fit.restarts);
    const worse = now.filter((window) => window.row !== null && !failing.has(window));
    if (worse.length === 1) unsupported.add(worse[0]!);
  }
  return { unsupported };
}

/** What an engine counts, apart from lateness. */
function contentKey({ engine }: Variant): string {
  return `${engine.repeats} ${engine.malformed} ${engine.counts}`;
}

function clockKey({ engine }: Variant): string {
  return `${JSON.stringify(engine.lateness)} ${engine.late_by}`;
}

/** The first of those that reproduce most. */
export function best(fits: readonly Fit[]): Fit {
  return fits.reduce((most, fit) => (fit.reproduced > most.reproduced ? fit : most));
}
