/** The fast path accepts nothing that the slow path refuses, and reads the same out of all that it accepts (issue "The stream engine"). */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { Extractor } from "../../scripts/tick/extract.ts";
import { parseRecord } from "../../scripts/tick/parse.ts";

const RUNS = Number(process.env.TIDEMARK_TEST_RUNS ?? 2_000);
const encode = (text: string) => new TextEncoder().encode(text);
const extractor = new Extractor({ quotes: true });

/** Both readings agree: the fast one is null, or the slow one gives the same tick. */
function agree(bytes: Uint8Array): boolean {
  const padded = new Uint8Array(bytes.length + 9);
  padded.set(bytes, 4);
  const fast = extractor.extract(padded, 4, 4 + bytes.length);
  const slow = parseRecord(bytes);
  if (fast !== null) expect<unknown>(slow).toEqual({ kind: "tick", tick: fast });
  return fast !== null;
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
    const file = new URL("../../data/recordings/coinbase-btc-usd-2023-09-05T16.jsonl.gz", import.meta.url);
    const lines = gunzipSync(readFileSync(file)).toString().trimEnd().split("\n");
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

test("mutated bytes: any byte changed, cut, doubled", () => {
  const original = encode(JSON.stringify(full));
  const edit = fc.tuple(fc.nat(original.length - 1), fc.nat(255), fc.constantFrom("set", "cut", "double"));
  const property = fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
    let bytes = original;
    for (const [at, byte, how] of edits) {
      const i = Math.min(at, bytes.length - 1);
      if (how === "set") bytes = bytes.with(i, byte);
      else if (how === "cut") bytes = Uint8Array.from([...bytes.subarray(0, i), ...bytes.subarray(i + 1)]);
      else bytes = Uint8Array.from([...bytes.subarray(0, i), byte, ...bytes.subarray(i)]);
    }
    agree(bytes);
  });
  fc.assert(property, { numRuns: RUNS });
});
