/** Frames of an open loop, made before the run: one buffer of WebSocket frames, and when each is due. */
import { isoFromUs } from "../base/iso.ts";
import { BUSY, START_US, TickMaker } from "./ticks.ts";

/** The trade ids are consecutive, so that others know frame i's id. */
const FIRST_ID = 550_000_000;
const BYTES_PER_FRAME = 420;
const SECOND_TEXT = "2023-09-05T16:00:00.".length;

export function tradeIdOf(i: number): number {
  return FIRST_ID + i;
}

/** When frame i is due, microseconds since 1970 UTC: s in docs/measures.md. */
export function dueUs(start_us: number, rate: number, i: number): number {
  return start_us + Math.floor((i * 1e6) / rate);
}

/** An unmasked frame's bytes before its payload (RFC 6455, 5.2): the end of a message, `length` bytes. */
export function frameHeader(opcode: number, length: number): Uint8Array {
  if (length < 126) return Uint8Array.of(0x80 | opcode, length);
  return Uint8Array.of(0x80 | opcode, 126, length >> 8, length & 255);
}

export const TEXT = 1;
export const CLOSE = 8;

export class DueFrames {
  readonly bytes: Uint8Array;
  /** The end of each frame in `bytes`. */
  readonly ends: Uint32Array;
  /** Where the time and the id begin in each frame, from its end. */
  #fromEnd = { time: 0, id: 0 };

  constructor(readonly count: number) {
    const bytes = new Uint8Array(count * BYTES_PER_FRAME);
    this.ends = new Uint32Array(count);
    const maker = new TickMaker(BUSY);
    let end = 0;
    for (let i = 0; i < count; i++) {
      const { value } = maker.next(START_US);
      if (i === 0) this.#fromEnd = placesIn(value);
      const header = frameHeader(TEXT, value.length);
      bytes.set(header, end);
      bytes.set(value, end + header.length);
      end += header.length + value.length;
      this.ends[i] = end;
      writeDigits(bytes, end - this.#fromEnd.id, tradeIdOf(i), 9);
    }
    this.bytes = bytes.subarray(0, end);
  }

  /** Writes the due times into the frames as their event times; then nothing is left to be made. */
  stamp(start_us: number, rate: number): void {
    const encoder = new TextEncoder();
    let second = -1;
    let text = encoder.encode("");
    for (let i = 0; i < this.count; i++) {
      const due_us = dueUs(start_us, rate, i);
      const of = Math.floor(due_us / 1e6);
      if (of !== second) {
        second = of;
        text = encoder.encode(isoFromUs(of * 1e6).slice(0, SECOND_TEXT));
      }
      const at = this.ends[i]! - this.#fromEnd.time;
      this.bytes.set(text, at);
      writeDigits(this.bytes, at + SECOND_TEXT, due_us - of * 1e6, 6);
    }
  }
}

/** All that follows the time has a fixed length, so both are at one distance from the end. */
function placesIn(value: Uint8Array): { time: number; id: number } {
  const text = new TextDecoder().decode(value);
  const after = (name: string) => text.length - text.indexOf(name) - name.length;
  return { time: after('"time":"'), id: after('"trade_id":') };
}

function writeDigits(bytes: Uint8Array, at: number, value: number, length: number): void {
  let rest = value;
  for (let i = at + length - 1; i >= at; i--) {
    bytes[i] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}
