/** The record header `received`: when the frame left the socket; the value stays the feed's bytes. */
import type { KafkaMessage } from "kafkajs";
import type { ByteCursor } from "./byte-cursor.ts";

/** Microseconds since 1970 UTC, 8 bytes, big endian. */
export const RECEIVED = "received";
/** Bytes that the header adds to a record: two lengths, its name, its value. */
export const RECEIVED_BYTES = 18;

const VALUE_BYTES = 8;
/** The name's bytes as one number: compared at once, since this is done for each record. */
const NAME = Buffer.from(RECEIVED).readDoubleBE();
/** Bytes of the headers as `produce` writes them: their number, and `received` alone. */
const ALONE_BYTES = 1 + RECEIVED_BYTES;

/** The header's value. `received_us` is a whole number from 0 to 2^53 − 1. */
export function receivedValue(received_us: number): Buffer {
  const value = Buffer.allocUnsafe(VALUE_BYTES);
  value.writeUInt32BE(Math.floor(received_us / 2 ** 32), 0);
  value.writeUInt32BE(received_us % 2 ** 32, 4);
  return value;
}

/** Whether a receipt time can be stored; a record with another one gets no header. */
export function isReceipt(received_us: number | undefined): received_us is number {
  return Number.isSafeInteger(received_us) && received_us! >= 0;
}

/** The time that a value of VALUE_BYTES holds; −1 if it is not valid. */
function timeAt(view: DataView, at: number): number {
  const us = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
  return us <= Number.MAX_SAFE_INTEGER ? us : -1;
}

/**
 * The receipt time from the headers at bytes [at, end) if they are `received` alone; −1 if they are
 * anything else, for which `readReceived` is called.
 */
export function receivedAlone(view: DataView, at: number, end: number): number {
  if (end - at !== ALONE_BYTES || view.getUint16(at) !== 0x0210 || view.getFloat64(at + 2) !== NAME) return -1;
  return view.getUint8(at + 10) === 2 * VALUE_BYTES ? timeAt(view, at + 11) : -1;
}

/**
 * Reads a record's headers, whose number is next, and returns the receipt time of the last valid
 * `received`, NaN if there is none. Headers of other names are passed over. `view`: of the cursor's
 * bytes.
 */
export function readReceived(cursor: ByteCursor, view: DataView): number {
  let received_us = Number.NaN;
  for (let left = cursor.varint(); left > 0; left--) {
    const name = cursor.varint();
    const nameAt = cursor.at;
    cursor.at += Math.max(0, name);
    const value = cursor.varint();
    if (value === VALUE_BYTES && name === RECEIVED.length && view.getFloat64(nameAt) === NAME) {
      const us = timeAt(view, cursor.at);
      if (us >= 0) received_us = us;
    }
    cursor.at += Math.max(0, value);
    if (!(cursor.at <= view.byteLength)) throw new RangeError("a header beyond the end");
  }
  return received_us;
}

/** The same from a message that kafkajs has decoded. */
export function receivedOf({ headers }: KafkaMessage): number {
  const values = headers?.[RECEIVED];
  let received_us = Number.NaN;
  for (const value of Array.isArray(values) ? values : [values]) {
    if (!Buffer.isBuffer(value) || value.length !== VALUE_BYTES) continue;
    const us = timeAt(new DataView(value.buffer, value.byteOffset), 0);
    if (us >= 0) received_us = us;
  }
  return received_us;
}
