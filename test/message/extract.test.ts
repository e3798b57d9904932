/** The fast path (extract.ts) accepts nothing that the rule (parse.ts) refuses, and reads the same. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { Extractor } from "../../scripts/message/extract.ts";
import { parseRecord } from "../../scripts/message/parse.ts";
import { recordedLines } from "../support/data.ts";

setDefaultTimeout(600_000);

const RUNS = Number(process.env.TIDEMARK_CASES ?? 2_000);
const encode = (text: string) => new TextEncoder().encode(text);
/** Reads by the rules of each version. */
class Both {
  readonly versions = [1, 2].map((rules) => ({ rules, by: new Extractor({ quotes: true, rules }) }));
}
const both = new Both();

/**
 * Expects that both readings agree by the rules of each version: the fast one is null, or the slow one
 * returns the same tick; bytes around the message don't matter. Returns whether the fast one accepted
 * it by the newest rules.
 */
function agree(bytes: Uint8Array, { versions } = both): boolean {
  const padded = new Uint8Array(bytes.length + 9).fill(0x22);
  padded.set(bytes, 4);
  let accepted = false;
  for (const { rules, by } of versions) {
    const fast = by.extract(padded, 4, 4 + bytes.length);
    const slow = parseRecord(bytes, rules);
    if (fast !== null) expect<unknown>(slow).toEqual({ kind: "tick", tick: fast });
    accepted = fast !== null;
  }
  return accepted;
}

const full = {
  type: "ticker",
  sequence: 66_000_000_001,
  product_id: "BTC-USD",
  price: "25741.02",
  open_24h: "25800.12",
  best_bid: "25741.00",
  best_ask: "25741.05",
  side: "sell",
  time: "2023-09-05T16:00:01.281719Z",
  trade_id: 550_000_000,
  last_size: "0.00371005",
};

describe("by hand", () => {
  test("the recorded hour is read by the fast path alone", () => {
    const lines = recordedLines();
    expect(lines.filter((line) => !agree(encode(line)))).toEqual([]);
    expect(lines.length).toBe(13_197);
  });

  test("a message with Python's spaces is read by the fast path", () => {
    expect(
      agree(encode(JSON.stringify(full, null, 1).replace(/\n ?/g, " ").replace("{ ", "{").replace(" }", "}"))),
    ).toBe(true);
  });

  const variants: [string, Record<string, unknown>][] = [
    ["missing time", { time: undefined }],
    ["price null", { price: null }],
    ["price NaN", { price: "NaN" }],
    ["price 1e5", { price: "1e5" }],
    ["price of 20 digits", { price: "12345678901234567890" }],
    ["price 0", { price: "0" }],
    ["negative size", { last_size: "-1" }],
    ["trade_id a string", { trade_id: "5" }],
    ["trade_id over 2^53", { trade_id: 2 ** 53 }],
    ["no such day", { time: "2023-02-29T00:00:00Z" }],
    ["no zone", { time: "2023-02-28T00:00:00" }],
    ["wrong side", { side: "SELL" }],
    ["number as price", { price: 25741.02 }],
    ["another type", { type: "match" }],
    ["empty product", { product_id: "" }],
    ["a point without digits", { price: "5." }],
    ["too many decimals", { price: "0.12345678901" }],
  ];
  test.each(variants)("%s is dead, on both paths", (_, change) => {
    const bytes = encode(JSON.stringify({ ...full, ...change }));
    expect(agree(bytes)).toBe(false);
    expect(parseRecord(bytes).kind).toBe("dead");
  });

  const good: [string, Record<string, unknown>][] = [
    ["nine digits of fraction are truncated", { time: "2023-09-05T16:00:01.281719999Z" }],
    ["three digits", { time: "2023-09-05T16:00:01.281Z" }],
    ["none", { time: "2023-09-05T16:00:01Z" }],
    ["a price without a point", { price: "18200" }],
    ["a padded price", { price: "7652.01000000" }],
    ["a tiny size", { last_size: "0.00000001" }],
    ["before 1970", { time: "1969-12-31T23:59:59.999999Z" }],
    ["no quotes", { best_bid: undefined, best_ask: undefined }],
    ["a broken quote", { best_bid: "n/a" }],
    ["filled from REST", { source: "rest" }],
    ["leading zeros", { price: "00025741.02" }],
  ];
  test.each(good)("%s", (_, change) => {
    const bytes = encode(JSON.stringify({ ...full, ...change }));
    agree(bytes);
    expect(parseRecord(bytes).kind).toBe("tick");
  });

  test("doubled keys: the last one counts, as in JSON.parse", () => {
    const text = JSON.stringify(full).replace("{", '{"price":"1","__proto__":{"price":"2"},');
    agree(encode(text));
    const parsed = parseRecord(encode(text));
    expect(parsed.kind === "tick" && parsed.tick.price_mantissa).toBe(2574102);
  });
});

const value = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.constantFrom(null, true, {}, [], { price: "1" }, "0.5", "1e3", "\u00e9\u4e2d", 'a"b', "\\", "\u0000"),
);

test("mutated messages: reordered, missing, doubled, escaped and nested fields", () => {
  const changes = fc.array(fc.tuple(fc.constantFrom(...Object.keys(full), "other", "pric\u0065"), value), {
    maxLength: 3,
  });
  const property = fc.property(fc.shuffledSubarray(Object.keys(full), { minLength: 7 }), changes, (keys, extra) => {
    const entries = keys.map((key) => [key, full[key as keyof typeof full]] as [string, unknown]);
    const text = `{${[...entries, ...extra].map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v) ?? "null"}`).join(",")}}`;
    agree(encode(text));
  });
  fc.assert(property, { numRuns: RUNS });
});

const edits = fc.array(fc.tuple(fc.nat(500), fc.nat(255), fc.constantFrom("set", "cut", "double")), { maxLength: 3 });

function edited(original: Uint8Array, list: [at: number, byte: number, how: string][]): Uint8Array {
  let bytes = original;
  for (const [at, byte, how] of list) {
    const i = at % Math.max(1, bytes.length);
    if (how === "set") bytes = bytes.with(i, byte);
    else if (how === "cut") bytes = Uint8Array.from([...bytes.subarray(0, i), ...bytes.subarray(i + 1)]);
    else bytes = Uint8Array.from([...bytes.subarray(0, i), byte, ...bytes.subarray(i)]);
  }
  return bytes;
}

test("mutated bytes: any byte changed, cut, doubled", () => {
  const original = encode(JSON.stringify(full));
  fc.assert(
    fc.property(edits, (list) => void agree(edited(original, list))),
    { numRuns: RUNS },
  );
});

/** White space that JSON allows, mostly none. */
const space = fc.oneof(
  { weight: 12, arbitrary: fc.constant("") },
  { weight: 3, arbitrary: fc.constant(" ") },
  { weight: 1, arbitrary: fc.constantFrom("\n", "\t", "\r\n", "  ", "\u00a0") },
);
/** A value as text, of the kind that the feed sends or of any other kind. */
const text = fc.oneof(
  { weight: 3, arbitrary: value.map((v) => JSON.stringify(v) ?? "null") },
  fc.constantFrom(
    "6.6e10",
    "1E5",
    "-1",
    "-0",
    "01",
    "1.",
    ".5",
    "1.5",
    "+1",
    "9007199254740993",
    "true",
    "tru",
    "",
    "5 5",
  ),
  fc.constantFrom(
    '"25741.02"',
    '"\\u0032"',
    '"2\\/3"',
    '"\u{1F600}"',
    '"\\ud83d"',
    '{"price":"1"}',
    '[["a",{}]]',
    '"unended',
  ),
);
const key = fc.constantFrom(
  ...Object.keys(full),
  "source",
  "volume_24h",
  "pric\\u0065",
  "tr\\u0061de_id",
  "\u00e9",
  "__proto__",
);
const extra = fc.tuple(key, text, fc.nat(12));

/** A message with fields reordered, missing, doubled or strange, and with any spaces. */
const message = fc
  .tuple(
    fc.shuffledSubarray(Object.keys(full), { minLength: 9 }),
    fc.array(extra, { maxLength: 2 }),
    fc.infiniteStream(space),
  )
  .map(([keys, extras, spaces]) => {
    const fields = keys.map((name) => [name, JSON.stringify(full[name as keyof typeof full])]);
    for (const [name, shown, at] of extras) fields.splice(at, 0, [name, shown]);
    const s = () => spaces.next().value;
    return `${s()}{${fields.map(([name, shown]) => `${s()}"${name}"${s()}:${s()}${shown}${s()}`).join(",")}}${s()}`;
  });

test("strange messages: white space, escapes, unicode, nested values, exponents, missing and doubled fields", () => {
  let fast = 0;
  const property = fc.property(message, (json) => {
    if (agree(encode(json), new Both())) fast++;
  });
  fc.assert(property, { numRuns: RUNS });
  expect(fast).toBeGreaterThan(0);
});

test("a message of a known layout with a little more or less is judged like the rule does", () => {
  const plain = JSON.stringify(full);
  const number = `"trade_id":${full.trade_id}`;
  const others = [
    `${plain}}`,
    `${plain} `,
    `${plain}x`,
    ` ${plain}`,
    `${plain}${plain}`,
    plain.slice(0, -1),
    plain.slice(1),
  ];
  for (const id of ["0550000000", "00", "", "5e8", "-5", "5 5", '"5"'])
    others.push(plain.replace(number, `"trade_id":${id}`));
  for (const other of others) {
    const by = new Both();
    expect(agree(encode(plain), by)).toBe(true);
    expect(agree(encode(other), by)).toBe(false);
  }
});

const PRICES =
  '1 0 25741.0200 99999999.9999999999 9999999999.9999999999 10000000000 1e5 -1 25741,02 1"2 1\\2 \u00e9'.split(" ");
const SIZES = "0 0.00000000 38.8484000 99.99999999 1000000000 999999999999 1000000000000".split(" ");

test("the layout of one message lets nothing through of the next that the rule refuses", () => {
  const change = fc.record(
    {
      price: fc.constantFrom(...PRICES),
      last_size: fc.constantFrom(...SIZES),
      trade_id: fc.constantFrom(0, 1, 2 ** 53 - 1, 2 ** 53, -1, 1.5, "7", null),
      sequence: fc.constantFrom(0, 7, -7, 6.6e30, "66", null, [1]),
      open_24h: fc.string(),
      side: fc.constantFrom("buy", "sell", "", "seLl"),
      product_id: fc.constantFrom("ETH-USD", "", "a\\b", 'a"b', "\u4e2d", "x".repeat(65)),
      time: fc.constantFrom(
        "2023-09-05T16:00:01Z",
        "2023-02-29T00:00:00Z",
        "2024-02-29T23:59:59.9Z",
        "2023-09-05 16:00:01Z",
      ),
    },
    { requiredKeys: [] },
  );
  const property = fc.property(
    fc.array(message, { minLength: 1, maxLength: 3 }),
    fc.array(change),
    edits,
    (all, changes, list) => {
      const by = new Both();
      const plain = JSON.stringify(full);
      expect(agree(encode(plain), by)).toBe(true);
      for (const one of changes) agree(encode(JSON.stringify({ ...full, ...one })), by);
      for (const one of all) {
        agree(encode(one), by);
        agree(edited(encode(one), list), by);
        expect(agree(encode(plain), by)).toBe(true);
      }
      agree(edited(encode(plain), list), by);
    },
  );
  fc.assert(property, { numRuns: RUNS });
});
