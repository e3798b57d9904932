/** W7 that changes content: windows that begin elsewhere than their times name, by an edge or rounding. */
import { formatDuration } from "../base/duration.ts";
import { isoSecondFromUs } from "../base/iso.ts";
import { EXACT_STYLE } from "./arithmetic-row.ts";
import type { Answers, CellDifference, NamedTick, WindowShape, WindowVerdict } from "./audit-types.ts";
import { type AuditWindow, placeWindows } from "./engine-windows.ts";
import { readCell } from "./fit-cells.ts";
import { differing, exactText, inOrder, type Measure, NAMED_TICKS_MAX, tickAt, valuesOf } from "./name-rules.ts";

const QUARTER_US = 900e6;
/** No zone is nearer to UTC. */
const ZONE_MIN_US = 3_600e6;

/**
 * By how many µs their windows begin after (below 0: before) those that their times name, which are
 * aligned to 1970; 0 where only the times differ, by a zone, a whole window or a constant.
 */
export function movedBy({ shift_us, every_us, offset_us }: WindowShape): number {
  const isZone = shift_us % QUARTER_US === 0 && (shift_us === 0 || Math.abs(shift_us) >= ZONE_MIN_US);
  if (isZone || offset_us === 0 || shift_us % every_us === 0) return 0;
  const [late, early] = [offset_us, offset_us - every_us];
  if (late !== -early) return late < -early ? late : early;
  return Math.abs(shift_us - late) <= Math.abs(shift_us - early) ? late : early;
}

/** `5 h 30 min`; a duration without whole hours as it is. */
function hoursText(us: number): string {
  const [hours, minutes] = [Math.floor(us / 3_600e6), (us % 3_600e6) / 60e6];
  if (hours === 0 || !Number.isInteger(minutes)) return formatDuration(us);
  return minutes === 0 ? `${hours} h` : `${hours} h ${minutes} min`;
}

/** The sentences about their times, for `how`. */
export function shiftTexts(shape: WindowShape, windows: readonly AuditWindow[]): string[] {
  const moved_us = movedBy(shape);
  const shift_us = shape.shift_us - moved_us;
  const first = windows.find(({ row }) => row !== null);
  const texts: string[] = [];
  if (shift_us !== 0)
    texts.push(
      `Their times are ${hoursText(Math.abs(shift_us))} ${shift_us > 0 ? "behind" : "ahead of"} UTC${shift_us === -shape.size_us ? ": they name the ends of the windows" : ""}.`,
    );
  if (moved_us !== 0 && first !== undefined) {
    const clock = (us: number) => isoSecondFromUs(us).slice(11, 19);
    texts.push(
      `Their windows begin ${formatDuration(Math.abs(moved_us))} ${moved_us > 0 ? "late" : "early"}, such as ${clock(first.start_us)}–${clock(first.end_us)}: an edge or rounding mistake, not a time zone (W7).`,
    );
  }
  return texts;
}

/**
 * The verdicts of windows that hold other ticks than their times name, held against the named ones:
 * only consistent with W7 where those differ. `verdicts` are of these windows, in their order.
 */
export function againstNamed(
  measure: Measure,
  windows: readonly AuditWindow[],
  verdicts: readonly WindowVerdict[],
  answers: Answers,
  product: string | null,
): WindowVerdict[] {
  const moved_us = movedBy(answers.shape);
  if (moved_us === 0) return [...verdicts];
  const shift_us = answers.shape.shift_us - moved_us;
  const aligned = placeWindows(
    measure.log,
    { ...answers, shape: { ...answers.shape, shift_us, offset_us: 0 } },
    product,
  );
  const byRow = new Map(aligned.windows.map((window) => [window.row, window.exact]));
  return verdicts.map((verdict, i) => {
    const window = windows[i]!;
    const base = { ...verdict, window_start_us: verdict.window_start_us - moved_us };
    if (window.row === null) return base;
    return { ...base, ...held(measure, window, verdict, byRow.get(window.row) ?? [], shift_us) };
  });
}

function held(
  measure: Measure,
  window: AuditWindow,
  verdict: WindowVerdict,
  named: readonly number[],
  shift_us: number,
): Partial<WindowVerdict> {
  const { plans, log } = measure;
  const cells = new Map(plans.map(({ name }) => [name, readCell(window.row!.cells[name] ?? null)]));
  const rowOf = (members: readonly number[]) => valuesOf({ ...measure, style: EXACT_STYLE }, members).decimal;
  const [own, exact] = [rowOf(window.exact), rowOf(named)];
  const differences = differing(plans, cells, exact).map(({ name }): CellDifference => {
    const text = named.length === 0 ? null : exactText(name, exact[name]);
    const isMoved = text !== exactText(name, own[name]);
    const rules = verdict.differences.find(({ column }) => column === name)?.rules ?? [];
    const isKnown = verdict.outcome !== "unexplained";
    return {
      column: name,
      theirs: cells.get(name)!.text,
      exact: text,
      rules: isMoved && isKnown ? inOrder([...rules, "W7"]) : rules,
    };
  });
  if (verdict.outcome === "unexplained") return { differences };
  const [has, counts] = [new Set(window.exact), new Set(named)];
  const ticks: NamedTick[] = [
    ...verdict.ticks,
    ...named.filter((i) => !has.has(i)).map((i) => tickAt(log, i, "missing", "W7")),
    ...window.exact.filter((i) => !counts.has(i)).map((i) => tickAt(log, i, "surplus", "W7")),
  ].slice(0, NAMED_TICKS_MAX);
  if (differences.every(({ rules }) => !rules.includes("W7"))) {
    const rules = shift_us === 0 ? verdict.rules.filter((rule) => rule !== "W7") : verdict.rules;
    if (differences.length > 0 || rules.length > 0) return { differences, rules };
    return { differences, rules, outcome: "equal", why: "Equal in every column." };
  }
  const why = "Made of the ticks of a window that begins elsewhere than their time names (W7)";
  return {
    differences,
    ticks,
    rules: inOrder([...verdict.rules, "W7"]),
    outcome: "consistent",
    unproved: [...(verdict.unproved ?? []), "W7" as const],
    why: verdict.rules.some((rule) => rule !== "W7") ? `${why}; and: ${verdict.why}` : `${why}.`,
  };
}
