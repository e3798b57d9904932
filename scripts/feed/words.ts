/** Text from outside, as it may be shown: bounded, and with control characters as escapes, so that none reaches a terminal. */
import { FEED_WORDS_MAX } from "../common/limits.ts";

const UNSHOWN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

export function shownWords(text: string, length_max = FEED_WORDS_MAX): string {
  const cut = text.length > length_max ? `${text.slice(0, length_max)}…` : text;
  return cut.replace(UNSHOWN, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/** Whether a text names this id as a whole word, in any case: "BTC-USDC is not valid" does not name BTC-USD. */
export function namesWhole(text: string, id: string): boolean {
  const [within, name] = [text.toLowerCase(), id.toLowerCase()];
  for (let at = within.indexOf(name); at >= 0; at = within.indexOf(name, at + 1)) {
    if (
      !/[\p{L}\p{N}_-]$|[\p{L}\p{N}]\.$/u.test(within.slice(0, at)) &&
      !/^(?:[\p{L}\p{N}_-]|\.[\p{L}\p{N}])/u.test(within.slice(at + name.length))
    )
      return true;
  }
  return false;
}
