/** Tidemark's own records in the log: other readers skip them, because they lack a trade's fields. */
import { isUtf8 } from "node:buffer";
import { FRAME_DEPTH_MAX, FRAME_DIGITS_MAX } from "../base/limits.ts";
import type { GapNote, Outage, UnissuedNote, WalkedNote } from "../contract/tick.ts";
import { same } from "./scan.ts";

/** An outage as a record of the log: reading the log again gives the same rows. */
export function outageFrame(note: Outage): Buffer {
  return Buffer.from(JSON.stringify({ type: "tidemark_outage", ...note }));
}

/** A gap that was opened or closed, as a record of the log. */
export function gapFrame(note: GapNote): Buffer {
  return Buffer.from(JSON.stringify({ type: "tidemark_gap", ...note }));
}

/** Ids that were never issued, with their proof by REST, as a record of the log. */
export function unissuedFrame(note: UnissuedNote): Buffer {
  return Buffer.from(JSON.stringify({ type: "tidemark_unissued", ...note }));
}

/** Ids that `backfill` has walked through, as a record of the log: the next run jumps over them. */
export function walkedFrame(note: WalkedNote): Buffer {
  return Buffer.from(JSON.stringify({ type: "tidemark_backfill", ...note }));
}

/** How a trade and a proof of history end: `source` is the last field that Tidemark writes. */
const HISTORY_END = Buffer.from('"source":"backfill"}');

/** Whether a record is one of history as `backfill` writes it, without parsing it. */
export function endsAsHistory(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start >= HISTORY_END.length && same(bytes, end - HISTORY_END.length, end, HISTORY_END);
}

/**
 * Wraps a frame that some reader of the topic could not decode in one that every reader can.
 * `stream` and `consume` unwrap it and judge the frame itself (docs/decisions/0068-envelopes.md).
 */
export function envelopeFrame(frame: Uint8Array, reason: string): Buffer {
  return Buffer.from(JSON.stringify({ type: "tidemark_frame", reason, base64: Buffer.from(frame).toString("base64") }));
}

/**
 * Why some reader of the topic could not decode a frame; null for a JSON object of modest depth in
 * UTF-8.
 */
export function unreadable(frame: Uint8Array): string | null {
  if (!isUtf8(frame)) return "not UTF-8";
  const text = Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return frame.length === 0 ? "empty message" : "not JSON";
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "not a JSON object";
  if (depthOf(text) > FRAME_DEPTH_MAX) return `nested more than ${FRAME_DEPTH_MAX} levels deep`;
  return DIGITS.test(text) ? `a number of more than ${FRAME_DIGITS_MAX} digits` : null;
}

const DIGITS = new RegExp(`\\d{${FRAME_DIGITS_MAX + 1}}`);

/** Levels of objects and lists in a text that is JSON. */
function depthOf(text: string): number {
  let [depth, deepest, isText] = [0, 0, false];
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (isText) {
      if (char === "\\") i++;
      else if (char === '"') isText = false;
    } else if (char === '"') isText = true;
    else if (char === "{" || char === "[") deepest = Math.max(deepest, ++depth);
    else if (char === "}" || char === "]") depth--;
  }
  return deepest;
}
