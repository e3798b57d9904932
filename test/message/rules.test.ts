/** Limits of a tick and of product ids per rules version: the dead letter names the limit. */
import { expect, test } from "bun:test";
import { RULES_VERSION } from "../../scripts/base/limits.ts";
import { Extractor } from "../../scripts/message/extract.ts";
import { parseRecord } from "../../scripts/message/parse.ts";

const tick = {
  type: "ticker",
  product_id: "BTC-USD",
  price: "1",
  side: "buy",
  time: "2024-03-01T12:00:00Z",
  trade_id: 1,
  last_size: "1",
};
const bytesOf = (change: object) => new TextEncoder().encode(JSON.stringify({ ...tick, ...change }));

/** "tick", or the reason; the fast path must not accept what the rule refuses. */
function read(change: object, version: number): string {
  const bytes = bytesOf(change);
  const parsed = parseRecord(bytes, version);
  const fast = new Extractor({ quotes: true, rules: version }).extract(bytes, 0, bytes.length);
  if (fast !== null) expect<unknown>(parsed).toEqual({ kind: "tick", tick: fast });
  return parsed.kind === "dead" ? parsed.reason : parsed.kind;
}

const BELOW_PRICE = "it must be below 10^10, with at most 10 decimals";
const BELOW_SIZE = "it must be below 10^12, with at most 8 decimals";
const BELOW_NOTIONAL = "it must be below 10^12";
/** change, by rules 1, by rules 2: true for a tick, text for a part of the reason. */
const NUMBERS: [change: object, rules_1: boolean, rules_2: true | string][] = [
  [{ price: "99999999" }, true, true],
  [{ price: "100000000" }, false, true],
  [{ price: "9999999999.9999999999" }, false, true],
  [{ price: "10000000000" }, false, BELOW_PRICE],
  [{ price: "0.0000000001" }, true, true],
  [{ price: "0.00000000001" }, false, BELOW_PRICE],
  [{ price: "0.00000000010" }, true, true],
  [{ price: "0" }, false, 'price is "0"'],
  [{ price: "-1" }, false, 'price is "-1"'],
  [{ last_size: "0" }, false, true],
  [{ last_size: "0.00000000" }, false, true],
  [{ last_size: "-0.00000000" }, false, 'last_size is "-0.00000000"'],
  [{ last_size: "-1" }, false, 'last_size is "-1"'],
  [{ last_size: "0.00000001" }, true, true],
  [{ last_size: "0.000000001" }, false, BELOW_SIZE],
  [{ last_size: "12500000000" }, false, true],
  [{ last_size: "999999999999.99999999", price: "0.9999999999" }, false, true],
  [{ last_size: "1000000000000", price: "0.5" }, false, BELOW_SIZE],
  [{ price: "1000000", last_size: "1000000" }, true, BELOW_NOTIONAL],
  [{ price: "1000000", last_size: "999999.99999999" }, true, true],
  [{ price: "999999.9999999999", last_size: "1000000" }, false, true],
  [{ price: "99999999", last_size: "9999999999" }, true, BELOW_NOTIONAL],
];
test.each(NUMBERS)("%j: rules 1 %p, rules 2 %p", (change, rules_1, rules_2) => {
  expect(read(change, 1) === "tick").toBe(rules_1);
  if (rules_2 === true) expect(read(change, RULES_VERSION)).toBe("tick");
  else expect(read(change, RULES_VERSION)).toContain(rules_2);
});

const IDS: [what: string, id: unknown, rules_1: boolean, rules_2: boolean][] = [
  ["64 bytes", "x".repeat(64), true, true],
  ["65 bytes", "x".repeat(65), false, false],
  ["21 × 日, 63 bytes", "日".repeat(21), true, true],
  ["22 × 日, 66 bytes", "日".repeat(22), true, false],
  ["28 × 日, 84 bytes", "日".repeat(28), true, false],
  ["16 emoji, 64 bytes", "😀".repeat(16), true, true],
  ["17 emoji", "😀".repeat(17), true, false],
  ["empty", "", false, false],
  ["a number", 5, false, false],
  ["NUL", "A\u0000B", true, false],
  ["a line break", "A\nB", true, false],
  ["escape", "\u001b[31m", true, false],
  ["DEL", "A\u007f", true, false],
  ["U+0085", "A\u0085", true, false],
  ["U+FEFF", "\ufeffA", true, false],
  ["a lone surrogate", "A\ud800", true, false],
  ["a lone low surrogate", "\udc00", true, false],
  ["U+FFFD itself", "A\ufffd", true, true],
  ["slashes", "../..", true, true],
  ["quotes", `'";--`, true, true],
  ["percent", "%2F%00", true, true],
  ["a trailing point", "A.", true, true],
  ["bidi", "A\u202eB", true, true],
  ["NFD", "e\u0301", true, true],
];
test.each(IDS)("product id: %s", (_, product_id, rules_1, rules_2) => {
  expect(read({ product_id }, 1) === "tick").toBe(rules_1);
  expect(read({ product_id }, RULES_VERSION) === "tick").toBe(rules_2);
  if (!rules_2) expect(read({ product_id }, RULES_VERSION)).toStartWith("product_id is ");
});

test("a product id that is not valid UTF-8 is a dead letter; other fields need not be", () => {
  const bytes = bytesOf({ product_id: "A?", note: "B?" });
  const broken = (at: number) => bytes.with(at, 0xff);
  const [first, second] = [bytes.indexOf(0x3f), bytes.lastIndexOf(0x3f)];
  expect(parseRecord(broken(first))).toEqual({ kind: "dead", reason: "product_id is not valid UTF-8" });
  expect(parseRecord(broken(second)).kind).toBe("tick");
});

test("ids never issued: a note with first and last id, of at most 10,000 ids, by either version of the rules", () => {
  const note = (first_trade_id: unknown, last_trade_id: unknown) => ({
    ...{ type: "tidemark_unissued", price: undefined, trade_id: undefined },
    ...{ first_trade_id, last_trade_id },
  });
  const max = Number.MAX_SAFE_INTEGER;
  const good: [number, number][] = [
    [0, 0],
    [5, 10_004],
    [max, max],
  ];
  for (const version of [1, RULES_VERSION]) {
    for (const [first_trade_id, last_trade_id] of good) {
      const unissued = { product_id: "BTC-USD", first_trade_id, last_trade_id };
      const parsed = parseRecord(bytesOf(note(first_trade_id, last_trade_id)), version);
      expect(parsed).toEqual({ kind: "unissued", unissued });
    }
    for (const [first, last] of [
      [2, 1],
      [-1, 3],
      ["1", 2],
      [1, undefined],
      [1, max + 1],
      [1.5, 2],
    ])
      expect(read(note(first, last), version)).toBe("unissued ids with wrong trade ids");
    expect(read(note(5, 10_005), version)).toBe("more than 10000 unissued ids at once");
  }
});
