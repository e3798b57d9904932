/** Text from outside, as it may be shown: bounded, and with control characters as escapes, so that none reaches a terminal. */
import { FEED_WORDS_MAX } from "../base/limits.ts";

const UNSHOWN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

export function shownWords(text: string, length_max = FEED_WORDS_MAX): string {
  const cut = text.length > length_max ? `${text.slice(0, length_max)}…` : text;
  return cut.replace(UNSHOWN, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/** The ids that a text names as whole words, "BTC-USDC is not valid" is not BTC-USD; in any case when none is spelt as it is. */
export function namedIn(text: string, ids: readonly string[]): string[] {
  const exact = ids.filter((id) => namesWhole(text, id));
  return exact.length > 0 ? exact : ids.filter((id) => namesWhole(text.toLowerCase(), id.toLowerCase()));
}

function namesWhole(text: string, id: string): boolean {
  for (let at = text.indexOf(id); at >= 0; at = text.indexOf(id, at + 1)) {
    const isStart = !/[\p{L}\p{N}_-]$|[\p{L}\p{N}]\.$/u.test(text.slice(0, at));
    if (isStart && !/^(?:[\p{L}\p{N}_-]|\.[\p{L}\p{N}])/u.test(text.slice(at + id.length))) return true;
  }
  return false;
}
