/** Text from outside (feed, file, SQL) with control and format characters made visible. */
import { SENTENCE_BYTES_MAX } from "./limits.ts";

/**
 * Controls (C0, DEL, C1), format characters (bidi overrides, zero width, BOM, tags), separators of
 * lines and paragraphs, lone surrogates.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** Outside printable ASCII, of which most text is: twice as fast as a search for hidden ones. */
const NOT_PLAIN = /[^\n\t -~]+/g;
const HIDDEN_BUT_LINES = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]--[\n\t]]/gv;

/** `1 row`, `2 rows`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** One line: each hidden character as its code point, `[U+001B]`; cut to `bytes_max` bytes of UTF-8. */
export function printable(text: string, bytes_max = SENTENCE_BYTES_MAX): string {
  return cut(cut(text, bytes_max).replace(HIDDEN, named), bytes_max);
}

/**
 * The same for many lines, uncut: newlines and tabs stay. `[U+001B]` has no character that HTML, JSON
 * or CSV treat differently.
 */
export function printableLines(text: string): string {
  return text.replace(NOT_PLAIN, (others) => others.replace(HIDDEN_BUT_LINES, named));
}

function named(character: string): string {
  return `[U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`;
}

function cut(text: string, bytes_max: number): string {
  // Each character has at least one byte: the slice bounds the work on a very long text.
  const head = text.length > bytes_max ? text.slice(0, bytes_max) : text;
  const bytes = new TextEncoder().encode(head);
  if (head === text && bytes.length <= bytes_max) return text;
  const kept = new TextDecoder().decode(bytes.subarray(0, bytes_max - 3));
  return `${kept.replace(/\uFFFD+$/, "")}…`;
}
