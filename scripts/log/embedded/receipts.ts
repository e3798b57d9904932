/** Receipt times in a block: one varint per record, relative to the block's append time. */
import type { AppendRecord } from "../../contract/log.ts";

/**
 * A receipt further than this from the append time (142 years, in microseconds) is stored as none:
 * its code would not be an exact number.
 */
const FARTHEST_US = 2 ** 52;

/**
 * The code of append time − receipt time d, in microseconds: 2d + 1 for d ≥ 0, −2d for d < 0 (the
 * clock stepped back meanwhile), 0 for no receipt time.
 */
function codeOf(received_us: number | undefined, appended_us: number): number {
  const d = appended_us - (received_us ?? Number.NaN);
  if (!(Number.isInteger(d) && Math.abs(d) < FARTHEST_US)) return 0;
  return d < 0 ? -2 * d : 2 * d + 1;
}

/** Bytes of the receipt times of records [from, to). */
export function receiptBytes(records: AppendRecord[], from: number, to: number, appended_us: number): number {
  let bytes = 0;
  for (let i = from; i < to; i++) {
    for (let code = codeOf(records[i]!.received_us, appended_us); code >= 128; code /= 128) bytes++;
    bytes++;
  }
  return bytes;
}

/** Writes the receipt times of records [from, to) into `block`, from byte `at` on. */
export function writeReceipts(
  block: Uint8Array,
  at: number,
  records: AppendRecord[],
  from: number,
  to: number,
  appended_us: number,
): void {
  for (let i = from; i < to; i++) {
    let code = codeOf(records[i]!.received_us, appended_us);
    for (; code >= 128; code = Math.floor(code / 128)) block[at++] = (code % 128) | 0x80;
    block[at++] = code;
  }
}

/** Reads one receipt time (µs since 1970 UTC; NaN for none) for each of received_us[from, to). */
export function readReceipts(
  block: Uint8Array,
  at: number,
  appended_us: number,
  received_us: Float64Array,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) {
    let byte = block[at++]!;
    let code = byte & 0x7f;
    // Up to four bytes (134 s) in whole numbers of 32 bits, which is faster.
    for (let shift = 7; byte >= 0x80 && shift < 28; shift += 7) {
      byte = block[at++]!;
      code |= (byte & 0x7f) << shift;
    }
    if (byte < 0x80) {
      received_us[i] =
        (code & 1) !== 0 ? appended_us - (code >> 1) : code === 0 ? Number.NaN : appended_us + (code >> 1);
      continue;
    }
    let large = code;
    for (let scale = 2 ** 28; byte >= 0x80; scale *= 128) {
      byte = block[at++]!;
      large += (byte & 0x7f) * scale;
    }
    received_us[i] = large % 2 === 1 ? appended_us - (large - 1) / 2 : appended_us + large / 2;
  }
}
