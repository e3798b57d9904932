/** The newest dead letters, grouped by product and kind of reason, as problems. */
import { nowUs } from "../../scripts/base/clock.ts";
import { isoSecondFromUs } from "../../scripts/base/iso.ts";
import {
  DEAD_LETTER_BYTES_READ,
  DEAD_LETTER_LINES_MAX,
  DEAD_LETTERS_READ,
  DEAD_LETTERS_US,
} from "../../scripts/base/limits.ts";
import { printable } from "../../scripts/base/printable.ts";
import type { Problem } from "../../scripts/contract/problems.ts";
import { reasonKind } from "../../scripts/contract/tick.ts";
import type { Sources } from "./sources.ts";

interface Letter {
  appended_us: number;
  reason: string;
  head: Uint8Array;
  log_partition: number;
  log_offset: number;
}

interface Group {
  product: string | null;
  count: number;
  newest: Letter;
  oldest_us: number;
}

const NEWEST = `SELECT appended_us, reason, substr(value, 1, ${DEAD_LETTER_BYTES_READ}) AS head, log_partition, log_offset
FROM dead_letters ORDER BY rowid DESC LIMIT ${DEAD_LETTERS_READ}`;

/** One problem for each of the largest groups of the last day, of the stage that stored them. */
export function deadLetterProblems(sources: Sources): (Problem & { stage: "consume" | "stream" })[] {
  const stage = sources.ticks.db === null ? "stream" : "consume";
  const file = stage === "consume" ? sources.ticks : sources.windows;
  const recent = file.all<Letter>(NEWEST).filter(({ appended_us }) => appended_us > nowUs() - DEAD_LETTERS_US);
  const groups = new Map<string, Group>();
  for (const letter of recent) {
    const product = productOf(letter.head);
    const key = `${product} ${reasonKind(letter.reason)}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { product, count: 1, newest: letter, oldest_us: letter.appended_us });
    else {
      known.count++;
      known.oldest_us = letter.appended_us;
    }
  }
  const all = file.counters().malformed ?? recent.length;
  const largest = [...groups.values()].sort((a, b) => b.count - a.count).slice(0, DEAD_LETTER_LINES_MAX);
  return largest.map((group) => ({
    stage,
    code: "dead-letters",
    sentence: sentenceOf(group, recent.length, all),
    stops: false,
    since_us: group.oldest_us,
  }));
}

function sentenceOf({ product, count, newest }: Group, read: number, all: number): string {
  const whose = product === null ? "without a product" : `of ${printable(product, 128)}`;
  const many = count === 1 ? "1 message" : `${count} messages`;
  const are = count === 1 ? "is not a trade and is" : "are no trades and are";
  const example = printable(new TextDecoder().decode(newest.head), 200);
  return (
    `${many} ${whose} of the newest ${read} dead letters (${all} in all) ${are} in no answer: ${printable(newest.reason, 256)}. ` +
    `The newest came at ${isoSecondFromUs(newest.appended_us)}, offset ${newest.log_offset} of partition ${newest.log_partition}: ` +
    `${example} They are kept whole in dead_letters.`
  );
}

/** From the bytes that were read; null when they are not JSON or the product comes later. */
function productOf(head: Uint8Array): string | null {
  const match = /"product_id"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(new TextDecoder().decode(head));
  try {
    return match ? String(JSON.parse(match[1]!)) : null;
  } catch {
    return null;
  }
}
