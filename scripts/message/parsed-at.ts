/** What a record within a buffer is: the quick extractor first, and the parser for what it leaves. */
import type { Extractor } from "./extract.ts";
import { type Parsed, parseRecord } from "./parse.ts";

/** By the rules of a version; both agree. Never throws. */
export function parsedAt(
  extractor: Extractor,
  bytes: Uint8Array,
  start: number,
  end: number,
  version?: number,
): Parsed {
  const tick = extractor.extract(bytes, start, end);
  return tick === null ? parseRecord(bytes.subarray(start, end), version) : { kind: "tick", tick };
}
