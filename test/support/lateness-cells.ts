/** The disordered hour with heartbeats and outlier stamps; real runs of `stream` and their curve. */
import { Database } from "bun:sqlite";
import { expect } from "bun:test";
import { join } from "node:path";
import { formatUnits, parseUnits } from "../../scripts/base/decimal.ts";
import { formatDuration } from "../../scripts/base/duration.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import type { OutOfOrderRow, RevisionRow, WindowRow } from "../../scripts/contract/window.ts";
import { latenessAnswer } from "../../scripts/measure/lateness-answer.ts";
import { finalityDelays, type LatenessPoint } from "../../scripts/measure/lateness-curve.ts";
import { parseRecord } from "../../scripts/message/parse.ts";
import { fillLog, ROOT, recordedLines, tempDir } from "./data.ts";
import { run } from "./process.ts";

const SECOND = 1_000_000;
export const SIZES_US = [10, 60, 300].map((seconds) => seconds * SECOND);
export const RECORDING = join(ROOT, "data/recordings/coinbase-btc-usd-2023-09-05T16-disordered.jsonl.gz");

/** A record of the log as the window job takes it. */
interface Placed {
  kind: "tick" | "heartbeat";
  offset: number;
  trade_id: number;
  time_us: number;
}

const encoder = new TextEncoder();

/** The ticks and heartbeats of some lines, each with its place. */
export function records(lines: readonly string[]): Placed[] {
  return lines.flatMap((line, offset): Placed[] => {
    const parsed = parseRecord(encoder.encode(line));
    if (parsed.kind === "heartbeat") return [{ kind: "heartbeat", offset, trade_id: -1, time_us: parsed.time_us }];
    if (parsed.kind !== "tick") return [];
    const { trade_id, time_us } = parsed.tick;
    return [{ kind: "tick", offset, trade_id, time_us }];
  });
}

/**
 * The recording with a heartbeat after every 7th line, 0.4 s after the newest time so far; every
 * 1,000th tick again 5 minutes later, which is a duplicate; three ticks years ahead, which are skewed.
 */
export function disorderedLines(): string[] {
  const lines = recordedLines(RECORDING);
  let newest_us = 0;
  return lines.flatMap((line, i) => {
    const [record] = records([line]);
    if (record?.kind !== "tick") return [line];
    newest_us = Math.max(newest_us, record.time_us);
    const more: string[] = [line];
    if (i % 1_000 === 999) more.push(withTime(line, record.time_us + 300 * SECOND));
    if (i % 4_000 === 3_999) more.push(withTime(line.replace('"trade_id":', '"trade_id":77'), 2_020_000_000 * SECOND));
    if (i % 7 !== 6) return more;
    newest_us += 0.4 * SECOND;
    const heartbeat = { type: "heartbeat", sequence: i, last_trade_id: 0, product_id: "BTC-USD" };
    return [...more, JSON.stringify({ ...heartbeat, time: isoFromUs(newest_us) })];
  });
}

function withTime(line: string, time_us: number): string {
  return line.replace(/"time":"[^"]*"/, `"time":"${isoFromUs(time_us)}"`);
}

/** Lines without the heartbeats. */
export function withoutHeartbeats(lines: readonly string[]): string[] {
  return lines.filter((line) => !line.startsWith('{"type":"heartbeat"'));
}

/** Every value that the high mark took. Stamps of the future are skewed: the log was filled today. */
export function highMarks(lines: readonly string[]): number[] {
  const seen = new Set<number>();
  const path: number[] = [];
  for (const { kind, trade_id, time_us } of records(lines)) {
    if (time_us > 2_000_000_000 * SECOND || (kind === "tick" && seen.has(trade_id))) continue;
    seen.add(trade_id);
    if (time_us > (path.at(-1) ?? 0)) path.push(time_us);
  }
  return path;
}

/** What one run at this lateness stored, of one size, in the words of the curve. */
function cellOf(db: Database, size_us: number, lateness_us: number) {
  const all = <T>(sql: string) => db.query<T, [number]>(sql).all(size_us);
  const windows = new Map(
    all<WindowRow>("SELECT * FROM windows WHERE size_us = ?").map((row) => [row.window_start_us, row]),
  );
  const revisions = all<RevisionRow>("SELECT * FROM window_revisions WHERE size_us = ? ORDER BY revision");
  const whole = new Map(revisions.map((row) => [row.window_start_us, row]));
  const late = all<{ window_start_us: number }>("SELECT window_start_us FROM late_ticks WHERE size_us = ?");
  const revised = [...new Set(late.map((row) => row.window_start_us))];
  const unseen = [...whole.keys()].filter((start) => !windows.has(start));
  const [volumes, vwaps]: [bigint[], bigint[]] = [[0n], [0n]];
  for (const start of revised) {
    const [before, after] = [windows.get(start), whole.get(start)!];
    volumes.push(parseUnits(after.total_volume, 8) - parseUnits(before?.total_volume ?? "0", 8));
    if (before == null || before.vwap === null || after.vwap === null) continue;
    const error = parseUnits(after.vwap, 10) - parseUnits(before.vwap, 10);
    vwaps.push(error < 0n ? -error : error);
  }
  const largest = (values: bigint[]) => values.sort((a, b) => (a < b ? -1 : 1)).at(-1)!;
  const { ticks } = db.query<{ ticks: number }, []>("SELECT ticks FROM products").get()!;
  return {
    lateness_us,
    late_ticks: late.length,
    ticks,
    windows_revised: revised.length,
    windows_closed: [...windows.values()].filter(({ final }) => final === 1).length + unseen.length,
    windows_unseen: unseen.length,
    volume_error_max: formatUnits(largest(volumes), 8),
    vwap_error_max: formatUnits(largest(vwaps), 10),
    is_current: true,
  };
}

export interface Compared {
  cells: number;
  late: number;
  closings: number;
  rows: OutOfOrderRow[];
}

/**
 * Runs `stream` once per lateness, all sizes from one pass. Expects that all runs stored the same
 * ticks out of order and curve, that each cell of it is what the run at that lateness stored, and
 * that each window closed where the path of the high mark has it.
 */
export async function compareRuns(lines: readonly string[], latenesses_s: readonly number[]): Promise<Compared> {
  using dir = tempDir();
  await fillLog(dir.path, [...lines]);
  const path = highMarks(lines);
  const times = new Map(records(lines).map(({ offset, time_us }) => [offset, time_us]));
  const compared: Compared = { cells: 0, late: 0, closings: 0, rows: [] };
  let points: LatenessPoint[][] | null = null;
  for (const lateness_s of latenesses_s) {
    const args = ["--data", dir.path, "--until-end", "--rebuild", "--lateness", `${lateness_s}s`];
    const ran = await run("stream", [...args, "--window", SIZES_US.map((us) => formatDuration(us)).join(",")]);
    expect([ran.code, ran.code === 0 ? "" : ran.stderr]).toEqual([0, ""]);
    const db = new Database(join(dir.path, "windows.db"), { readonly: true });
    const rows = db.query<OutOfOrderRow, []>("SELECT * FROM out_of_order ORDER BY log_partition, log_offset").all();
    if (compared.rows.length > 0) expect(rows).toEqual(compared.rows);
    compared.rows = rows;
    const want = { part: 9_999n, whole: 10_000n };
    const answers = SIZES_US.map((size_us) => latenessAnswer(db, { product: null, size_us, want }));
    const those = answers.map(({ curve }) => curve.map(({ is_current, ...point }) => point));
    expect(those).toEqual(points ?? those);
    points = those;
    for (const { window_us, curve } of answers) {
      const cell = curve.find((one) => one.is_current);
      expect([window_us, cell]).toEqual([window_us, cellOf(db, window_us, lateness_s * SECOND)]);
      compared.cells++;
      compared.late += cell?.late_ticks ?? 0;
    }
    const closed = db.query<WindowRow, []>("SELECT * FROM windows WHERE final = 1").all();
    db.close();
    const ends_us = closed.map(({ window_end_us }) => window_end_us);
    const expected = closed.map((row) => times.get(row.closed_offset!)! - row.window_end_us);
    expect(finalityDelays(path, ends_us, lateness_s * SECOND)).toEqual(expected);
    compared.closings += closed.length;
  }
  return compared;
}
