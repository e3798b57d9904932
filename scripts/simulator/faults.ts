/** Faults that the simulator commits by script (docs/decisions/0027-scripted-faults.md). */
import { z } from "zod";
import { TidemarkError } from "../base/errors.ts";

export interface Faults {
  /** The first n connections are closed right after they opened. */
  refuse_connections?: number;
  /** Connection k (from 1) is cut after the k-th number of trades; connections past the list live on. */
  cut_after?: number[];
  /** Cut by a close frame with this code; without it the socket is dropped. */
  cut_code?: number;
  /**
   * Connection k gets nothing more, heartbeats neither, after the k-th number of trades; the socket
   * stays open (half-open).
   */
  silent_after?: number[];
  /**
   * Frames sent before the n-th trade of the recording (from 1): `frame` as it is, or `bytes` bytes of
   * padding.
   */
  insert?: { before: number; frame?: string; bytes?: number }[];
  /** Every n-th trade's frame is cut in half. */
  truncate_every?: number;
  /** Every n-th trade is sent twice. */
  duplicate_every?: number;
  /** Trades that the socket never sends; REST has them. */
  drop_ids?: number[];
  /** Trades sent after their successor. */
  swap_ids?: number[];
  /** Ids that were never issued: the play is without these trades, in every round of a loop. */
  unissued_ids?: number[];
  rest?: {
    /** Statuses of the first answers, in order: 429, 500 …; 200 is a real answer. */
    statuses?: number[];
    /** A `Retry-After` header of every answer that is not 200. */
    retry_after?: string;
    /** Every answer is delayed. */
    delay_ms?: number;
    /** Trades per page at most. */
    page_max?: number;
    /** Trades that REST does not have although they were made: no client can tell. */
    lacking_ids?: number[];
    /** REST is behind the feed by this many trades, of all products. */
    behind?: number;
  };
  /** Of candles: trades by id, minutes by their beginning in ISO 8601. */
  candles?: {
    /** Statuses of the first answers, in order; 200 is a real answer. */
    statuses?: number[];
    /** A `Retry-After` header of every answer that is not 200. */
    retry_after?: string;
    /** Trades that no candle counts. */
    lacking_ids?: number[];
    /** Minutes without a candle. */
    absent?: string[];
    /** Other numbers than those of the trades, as they are sent. */
    revised?: { minute: string; low?: string; high?: string; open?: string; close?: string; volume?: string }[];
    /** Volumes are summed as binary floats, as the exchange did in 2018. */
    float_volumes?: boolean;
  };
  /** Answers to GET /time: delayed before and after the clock is read, or refused with a status. */
  time?: { to_ms?: number; back_ms?: number; status?: number };
}

const whole = z.number().int().min(0);
const ids = z.array(whole);
const number = z.string().regex(/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/);
const SCRIPT: z.ZodType<Faults> = z.strictObject({
  refuse_connections: whole.optional(),
  cut_after: ids.optional(),
  cut_code: whole.optional(),
  silent_after: ids.optional(),
  insert: z.array(z.strictObject({ before: whole, frame: z.string().optional(), bytes: whole.optional() })).optional(),
  truncate_every: whole.optional(),
  duplicate_every: whole.optional(),
  drop_ids: ids.optional(),
  swap_ids: ids.optional(),
  unissued_ids: ids.optional(),
  rest: z
    .strictObject({
      statuses: ids.optional(),
      retry_after: z.string().optional(),
      delay_ms: whole.optional(),
      page_max: whole.min(1).optional(),
      lacking_ids: ids.optional(),
      behind: whole.optional(),
    })
    .optional(),
  candles: z
    .strictObject({
      statuses: ids.optional(),
      retry_after: z.string().optional(),
      lacking_ids: ids.optional(),
      absent: z.array(z.string()).optional(),
      revised: z
        .array(
          z.strictObject({
            minute: z.string(),
            low: number.optional(),
            high: number.optional(),
            open: number.optional(),
            close: number.optional(),
            volume: number.optional(),
          }),
        )
        .optional(),
      float_volumes: z.boolean().optional(),
    })
    .optional(),
  time: z
    .strictObject({ to_ms: whole.optional(), back_ms: whole.optional(), status: whole.min(200).max(599).optional() })
    .optional(),
});

/** Reads a script of faults from JSON text. Fails with USAGE, also for an unknown fault. */
export function parseFaults(text: string): Faults {
  let why = "it is not JSON";
  try {
    const read = SCRIPT.safeParse(JSON.parse(text));
    if (read.success) return read.data;
    const { path, message } = read.error.issues[0]!;
    why = [path.join("."), message].filter((part) => part !== "").join(": ");
  } catch {}
  throw new TidemarkError(
    "USAGE",
    `--faults can't be read: ${why}.`,
    `Try '{"cut_after":[100]}'; docs/decisions/0027-scripted-faults.md lists them.`,
  );
}

/** The frames to send in place of trade `index` (from 0): its own frame, several or none. */
export function framesOf(
  faults: Faults,
  index: number,
  trade_id: number,
  frame: string,
  before: string | null,
): string[] {
  const frames: string[] = [];
  for (const { before: at, frame: extra, bytes } of faults.insert ?? []) {
    if (at === index + 1) frames.push(extra ?? "x".repeat(bytes ?? 0));
  }
  if (faults.drop_ids?.includes(trade_id)) return frames;
  if (faults.swap_ids?.includes(trade_id)) return frames;
  const isNth = (every: number | undefined) => every !== undefined && (index + 1) % every === 0;
  frames.push(isNth(faults.truncate_every) ? frame.slice(0, frame.length >> 1) : frame);
  if (isNth(faults.duplicate_every)) frames.push(frame);
  if (before !== null) frames.push(before);
  return frames;
}
