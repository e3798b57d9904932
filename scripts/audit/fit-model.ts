/** The one engine that reproduces most of an answer, chosen among the ways in which engines work. */
import type { RowStyle } from "./arithmetic-ends.ts";
import type { Answers, ForeignRow, LatenessModel } from "./audit-types.ts";
import { type EngineLog, KIND } from "./engine-log.ts";
import { type Clock, type Engine, membersOf } from "./engine-model.ts";
import type { AuditWindow } from "./engine-windows.ts";
import { RowValues } from "./fit-cells.ts";
import {
  columnPlaces,
  fitsLoosely,
  type LooseRow,
  looseRow,
  looseSums,
  type Nearness,
  narrowColumns,
} from "./fit-loose.ts";
import { DELAYS_US, type FitSettings, type Variant } from "./fit-variants.ts";
import { clockOf, latestBefore, type Restart } from "./late-clock.ts";
import { couldBeLate, droppedSets, likelyDrops } from "./late-suffix.ts";

/** Windows by which engines are ranked before the best ones are tried on all. */
const TELLING_MAX = 240;
/** Rows in every arithmetic that are kept per sampled window: of engines that tie. */
const VALUES_MAX = 3;
/** Windows that must lack late ticks before a delay that was found from rows is believed. */
export const SUPPORT_MIN = 3;

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

/** The rows as evidence: each window's quick numbers, computed once. */
export class Evidence {
  readonly #rows = new Map<AuditWindow, LooseRow>();
  readonly #isExact = new Map<AuditWindow, boolean>();
  /** Windows in which every engine holds the same ticks, as far as lateness and refusals go. */
  readonly #isPlain = new Map<AuditWindow, boolean>();
  readonly #values = new Map<AuditWindow, RowValues[]>();
  readonly #nearness: Nearness;
  readonly #lastRow = new Map<number, number>();
  /** Greatest event time of a tick before each record, and of all. */
  readonly latest_us: Float64Array;
  readonly last_us: number;

  constructor(
    readonly log: EngineLog,
    readonly windows: readonly AuditWindow[],
    readonly settings: FitSettings,
  ) {
    this.latest_us = latestBefore(log);
    const last = this.latest_us.length - 1;
    this.last_us = Math.max(
      this.latest_us[last] ?? Number.NEGATIVE_INFINITY,
      log.kind[last] === KIND.tick ? log.time_us[last]! : Number.NEGATIVE_INFINITY,
    );
    const rows = windows.flatMap(({ row, exact }) => (row === null ? [] : [{ row, exact }]));
    const places = columnPlaces(rows.map(({ row }) => row));
    const some = thinned(rows, TELLING_MAX).map(({ row, exact }) => ({ row, sums: looseSums(log, exact) }));
    this.#nearness = { places, narrow: narrowColumns(some, places) };
    for (const window of windows) {
      const { row, product, end_us, arrivals, exact } = window;
      this.#isPlain.set(
        window,
        arrivals.length === exact.length && arrivals.every((i, n) => i === exact[n] && this.latest_us[i]! < end_us),
      );
      if (row === null) continue;
      const loose = looseRow(row, this.#nearness, exact.length);
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

  /** Whether a row of a window with repeats has the count of its distinct ids, and other sums. */
  get countsIds(): boolean {
    return this.windows.some((window) => {
      if (window.row === null || this.#isExact.get(window)!) return false;
      const isRepeat = (i: number) => this.log.earlier[i] !== -1;
      return this.#rows.get(window)!.trade_count === window.exact.length && window.arrivals.some(isRepeat);
    });
  }

  /** Whether no row of its product is of a later window. */
  isLastRow({ product, end_us }: AuditWindow): boolean {
    return this.#lastRow.get(product) === end_us;
  }

  looseRow(window: AuditWindow): LooseRow {
    return this.#rows.get(window)!;
  }

  /** Their row in every arithmetic: engines that hold the same ticks of a window share it. */
  values(window: AuditWindow, members: readonly number[], style: RowStyle, batch: Int32Array | null): RowValues {
    const kept = this.#values.get(window) ?? [];
    this.#values.set(window, kept);
    const own = kept.find(
      (one) => one.batch === batch && isSameStyle(one.style, style) && isSameList(one.members, members),
    );
    if (own !== undefined) return own;
    const values = new RowValues(this.log, members, style, batch);
    if (kept.push(values) > VALUES_MAX) kept.shift();
    return values;
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
    if (
      this.#isPlain.get(window)! &&
      engine.begins.size === 0 &&
      engine.late_by === "window" &&
      engine.keys === "exact"
    )
      return this.#isExact.get(window)!;
    if (engine.lateness.kind === "suffix" || isUnknown(clock, window)) return this.dropped(fit, window).length > 0;
    const members = membersOf(this.log, engine, clock, window);
    const row = this.#rows.get(window)!;
    if (engine.counts === "records" && !Number.isNaN(row.trade_count) && row.trade_count !== members.length)
      return false;
    return fitsLoosely(row, looseSums(this.log, members), engine.counts);
  }

  /** For the suffix rule: sets of dropped ticks that leave this row. */
  dropped({ engine, clock }: Fit, window: AuditWindow): number[][] {
    const open: Clock = clock.at_us === null ? clock : { ...clock, at_us: null };
    const members = membersOf(this.log, engine, open, window);
    const row = this.#rows.get(window)!;
    return droppedSets(this.log, engine, { members, row, ...this.#late(window) });
  }

  /** For the suffix rule: what a window may have dropped as late, whether or not it makes the row. */
  likelyDrops({ engine, clock }: Fit, window: AuditWindow): number[][] {
    if (engine.lateness.kind !== "suffix" && !isUnknown(clock, window)) return [];
    const members = membersOf(this.log, engine, { ...clock, at_us: null }, window);
    return likelyDrops(this.log, engine, { members, ...this.#late(window) });
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

  /** Whether these records, each counted, make the window's row. */
  fitsLoosely(window: AuditWindow, members: readonly number[]): boolean {
    return fitsLoosely(this.#rows.get(window)!, looseSums(this.log, members), "records");
  }

  /** Whether members make the window's row, or another row of it. */
  fitsRow({ engine }: Fit, window: AuditWindow, members: readonly number[], other?: ForeignRow): boolean {
    const row = other === undefined ? this.#rows.get(window)! : looseRow(other, this.#nearness, members.length);
    return fitsLoosely(row, looseSums(this.log, members), engine.counts);
  }

  /** Whether rows exist of windows that no watermark can have closed: then none waits for one. */
  emitsEarly({ engine, clock }: Fit): boolean {
    const delay_us = this.settings.lateness_us ?? 0;
    const last_us = this.last_us - delay_us;
    const closed = (product: number) => (engine.lateness.kind === "suffix" ? last_us : clock.possible_us(product));
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

function isSameStyle(one: RowStyle, other: RowStyle): boolean {
  return (Object.keys({ ...one, ...other }) as (keyof RowStyle)[]).every((name) => one[name] === other[name]);
}

function isSameList(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((i, n) => i === other[n]);
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

/**
 * Windows whose late ticks too little confirms: with a longer delay, or none, at most a few windows
 * would not be reproduced. All of them, if there are rows of windows that the delay cannot have closed
 * and no earlier rows (W9). Only for delays that were found from the rows.
 */
export function otherDelays(
  evidence: Evidence,
  fit: Fit,
  { superseded }: Pick<Answers, "superseded">,
): { unsupported: Set<AuditWindow> } {
  const { lateness } = fit.engine;
  const unsupported = new Set<AuditWindow>();
  if (lateness.kind !== "each_record" || evidence.settings.lateness_us !== undefined) return { unsupported };
  if (superseded.length === 0 && evidence.emitsEarly(fit)) return { unsupported: new Set(evidence.windows) };
  const failing = new Set(fit.failing);
  const longer = DELAYS_US.filter((delay_us) => delay_us > lateness.delay_us);
  const others: LatenessModel[] = [
    ...longer.map((delay_us): LatenessModel => ({ ...lateness, delay_us })),
    { kind: "none" },
  ];
  for (const other of others) {
    const { failing: now } = evidence.fit({ engine: { ...fit.engine, lateness: other }, lag: fit.lag }, fit.restarts);
    const worse = now.filter((window) => window.row !== null && !failing.has(window));
    if (worse.length < SUPPORT_MIN) for (const window of worse) unsupported.add(window);
  }
  return { unsupported };
}

/** The first of those that reproduce most. */
export function best(fits: readonly Fit[]): Fit {
  return fits.reduce((most, fit) => (fit.reproduced > most.reproduced ? fit : most));
}
