/**
 * Finds where a message's values begin and end, without parsing it.
 * The first message is walked byte by byte. Later ones follow its layout: the bytes between the values
 * are nearly always the same and are compared four at a time. Both ways accept the same messages (see
 * extract.ts).
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const SPACE = 0x20;
const BACKSLASH = 0x5c;

/** The wanted fields, by their bit and their index in `from` and `to`. */
export const FIELD = {
  type: 0,
  product_id: 1,
  price: 2,
  side: 3,
  time: 4,
  trade_id: 5,
  last_size: 6,
  best_bid: 7,
  best_ask: 8,
  source: 9,
} as const;
const WANTED = Object.keys(FIELD);
/** Index in `from` and `to` for unwanted values. */
const UNWANTED = WANTED.length;
const KEYS = WANTED.map((key) => new TextEncoder().encode(key));
/** Wanted keys by length, so that the length alone rejects most unwanted keys. */
const BY_LENGTH: number[][] = Array.from({ length: 12 }, (_, n) =>
  KEYS.flatMap((key, i) => (key.length === n ? [i] : [])),
);
/** Bytes of a plain string: no quote, backslash or control character. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, b) => (b >= SPACE && b !== QUOTE && b !== BACKSLASH ? 1 : 0));

/**
 * An accepted message without its values. Before value s come words up to `words_to[s]`, then bytes up
 * to `bytes_to[s]`.
 */
interface Layout {
  found: number;
  fields: Uint8Array;
  isText: Uint8Array;
  words: Int32Array;
  words_to: Uint32Array;
  bytes: Uint8Array;
  bytes_to: Uint32Array;
}

export class Scanner {
  /** The wanted values: field f is bytes[from[f], to[f]), for the bits that `scan` returned. */
  readonly from = new Int32Array(WANTED.length + 1);
  readonly to = new Int32Array(WANTED.length + 1);
  readonly #required: number;
  /** The layouts used last, the newest first. */
  #layout: Layout | null = null;
  #other: Layout | null = null;
  /** Each value of the message that was walked: its first byte, its end, its field, whether it is text. */
  #values: [from: number, to: number, field: number, isText: boolean][] = [];
  #memory: ArrayBufferLike | null = null;
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** `required`: bits of the fields without which a message makes no layout. */
  constructor(required: number) {
    this.#required = required;
  }

  /** Returns the bits of the wanted fields in `bytes[start, end)`; 0 when parse.ts must decide. */
  scan(bytes: Uint8Array, start: number, end: number): number {
    if (bytes.buffer !== this.#memory) {
      this.#memory = bytes.buffer;
      this.#view = new DataView(bytes.buffer);
    }
    const newest = this.#layout;
    const older = this.#other;
    let found = newest === null ? 0 : this.#follow(newest, bytes, start, end);
    if (found !== 0) return found;
    found = older === null ? 0 : this.#follow(older, bytes, start, end);
    if (found !== 0) {
      this.#layout = older;
      this.#other = newest;
      return found;
    }
    found = this.#walk(bytes, start, end);
    if ((found & this.#required) === this.#required) {
      this.#layout = layoutOf(found, this.#values, bytes, start, end);
      this.#other = newest;
    }
    return found;
  }

  /** The result of `walk` for a message of this layout, 0 for any other. */
  #follow(layout: Layout, bytes: Uint8Array, start: number, end: number): number {
    const { fields, isText, words, words_to, bytes: between, bytes_to } = layout;
    const { from, to } = this;
    const view = this.#view;
    const shift = bytes.byteOffset;
    const last = end - 4;
    const count = fields.length;
    let at = start;
    for (let s = 0, w = 0, b = 0; ; s++) {
      for (const stop = words_to[s]!; w < stop; w++, at += 4) {
        if (at > last || view.getInt32(at + shift, true) !== words[w]) return 0;
      }
      for (const stop = bytes_to[s]!; b < stop; b++, at++) if (bytes[at] !== between[b]) return 0;
      if (s === count) return at === end ? layout.found : 0;
      const first = at;
      if (isText[s] === 1) {
        while (PLAIN[bytes[at]!] === 1) at++;
      } else {
        while (bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++;
        if (at === first || (bytes[first] === 0x30 && at > first + 1)) return 0;
      }
      const field = fields[s]!;
      from[field] = first;
      to[field] = at;
    }
  }

  /** Walks the object once, byte by byte; 0 at anything unusual. */
  #walk(bytes: Uint8Array, start: number, end: number): number {
    this.#values.length = 0;
    if (end - start < 2 || bytes[start] !== 0x7b || bytes[end - 1] !== 0x7d) return 0;
    let found = 0;
    let i = start + 1;
    const last = end - 1;
    while (i < last) {
      while (bytes[i] === SPACE) i++;
      if (bytes[i] !== QUOTE) return 0;
      const key = ++i;
      for (; bytes[i] !== QUOTE; i++) if (i >= last || PLAIN[bytes[i]!] === 0) return 0;
      const field = wantedField(bytes, key, i);
      i++;
      while (bytes[i] === SPACE) i++;
      if (bytes[i] !== COLON) return 0;
      i++;
      while (bytes[i] === SPACE) i++;
      const isText = bytes[i] === QUOTE;
      const from = isText ? ++i : i;
      if (isText) {
        for (; bytes[i] !== QUOTE; i++) if (i >= last || PLAIN[bytes[i]!] === 0) return 0;
      } else {
        while (bytes[i]! >= 0x30 && bytes[i]! <= 0x39) i++;
        if (i === from || (bytes[from] === 0x30 && i > from + 1)) return 0;
      }
      if (field !== UNWANTED) {
        if ((found & (1 << field)) !== 0 || isText === (field === FIELD.trade_id)) return 0;
        found |= 1 << field;
      }
      this.from[field] = from;
      this.to[field] = i;
      this.#values.push([from, i, field, isText]);
      if (isText) i++;
      while (bytes[i] === SPACE) i++;
      if (i === last) return found;
      if (bytes[i] !== COMMA) return 0;
      i++;
    }
    return 0;
  }
}

function wantedField(bytes: Uint8Array, from: number, to: number): number {
  for (const field of BY_LENGTH[to - from] ?? []) if (same(bytes, from, to, KEYS[field]!)) return field;
  return UNWANTED;
}

/** Whether bytes[from, to) are `text`. */
export function same(bytes: Uint8Array, from: number, to: number, text: Uint8Array): boolean {
  if (to - from !== text.length) return false;
  for (let i = from, j = 0; i < to; i++, j++) if (bytes[i] !== text[j]) return false;
  return true;
}

function layoutOf(
  found: number,
  values: readonly [from: number, to: number, field: number, isText: boolean][],
  message: Uint8Array,
  start: number,
  end: number,
): Layout {
  const words: number[] = [];
  const words_to: number[] = [];
  const bytes: number[] = [];
  const bytes_to: number[] = [];
  const view = new DataView(message.buffer, message.byteOffset);
  let at = start;
  for (const [from, to] of [...values, [end, end] as const]) {
    for (; at + 4 <= from; at += 4) words.push(view.getInt32(at, true));
    for (; at < from; at++) bytes.push(message[at]!);
    words_to.push(words.length);
    bytes_to.push(bytes.length);
    at = to;
  }
  return {
    found,
    fields: Uint8Array.from(values, ([, , field]) => field),
    isText: Uint8Array.from(values, ([, , , isText]) => (isText ? 1 : 0)),
    words: Int32Array.from(words),
    words_to: Uint32Array.from(words_to),
    bytes: Uint8Array.from(bytes),
    bytes_to: Uint32Array.from(bytes_to),
  };
}
