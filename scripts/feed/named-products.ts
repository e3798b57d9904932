/** Which product ids a text of the feed names. */

/**
 * The ids that a text names as whole words: "BTC-USDC is not valid" does not name BTC-USD.
 * In any case of letters when none is spelt exactly.
 */
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
