/** What a record's bytes mean: trades, other messages of the feed, and records of our own. */
export { Extractor } from "./extract.ts";
export { asTicker, type Message, readFrame } from "./frame.ts";
export { Judge } from "./judge.ts";
export {
  endsAsHistory,
  envelopeFrame,
  gapFrame,
  outageFrame,
  unissuedFrame,
  unreadable,
  walkedFrame,
} from "./own-records.ts";
export { type Parsed, parseRecord } from "./parse.ts";
export { parsedAt } from "./parsed-at.ts";
