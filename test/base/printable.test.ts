/** Text from outside is shown without control, format or line-breaking characters. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { sentence } from "../../scripts/base/errors.ts";
import { plural, printable, printableLines } from "../../scripts/base/printable.ts";
import { evaluate } from "../support/process.ts";

const NAMED: [text: string, shown: string][] = [
  ["BTC-USD", "BTC-USD"],
  ["日本-円 é 👍", "日本-円 é 👍"],
  ["A\u001b]0;owned\u0007\u001b[2J-USD", "A[U+001B]]0;owned[U+0007][U+001B][2J-USD"],
  ["\u009b31mred", "[U+009B]31mred"],
  ["a\u0000b\u007fc", "a[U+0000]b[U+007F]c"],
  ["usd\u202ecte", "usd[U+202E]cte"],
  ["\u2066x\u2069\u200f\u061c", "[U+2066]x[U+2069][U+200F][U+061C]"],
  ["\ufeffBTC\u200b", "[U+FEFF]BTC[U+200B]"],
  ["one\ntwo\u2028three", "one[U+000A]two[U+2028]three"],
  ["\ud800", "[U+D800]"],
  ["\u{e0041}", "[U+E0041]"],
];

test("every kind of hidden character is shown by its code point; ordinary text is left alone", () => {
  for (const [text, shown] of NAMED) expect(printable(text)).toBe(shown);
  expect(printableLines("one\n\ttwo\u001b")).toBe("one\n\ttwo[U+001B]");
  expect(printableLines("é\u200b“\u{1f600}\ud83d” x\u2028")).toBe("é[U+200B]“\u{1f600}[U+D83D]” x[U+2028]");
});

test("any text: printable, bounded in bytes, and printable again is the same", () => {
  const any = fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...NAMED.map(([text]) => text))));
  const property = fc.property(any, fc.integer({ min: 16, max: 300 }), (parts, max) => {
    const shown = printable(parts.join(""), max);
    expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(max);
    expect(printable(shown, max)).toBe(shown);
  });
  fc.assert(property, { verbose: true });
});

test("an error of 20 MB is a sentence of at most 4 kB", () => {
  expect(Buffer.byteLength(sentence(new Error("\u001b日".repeat(5_000_000))))).toBeLessThanOrEqual(4_096);
});

test("a number and its noun agree", () => {
  expect([0, 1, 2].map((n) => plural(n, "row"))).toEqual(["0 rows", "1 row", "2 rows"]);
  expect(plural(1, "entry", "entries")).toBe("1 entry");
});

test.each(["", "json"])("a log line (format %p) shows what the feed said, on one line of its own", async (format) => {
  const script = `
    import { createLogger } from "./scripts/base/logger.ts";
    const logger = createLogger("test", { verbose: false });
    const evil = "A\\u001b]0;owned\\u0007\\u009b2J\\u202e\\n[00:00:00] INFO: forged";
    logger.warn("the feed refused " + evil);
    logger.error(new Error(evil), "it failed");`;
  const { stderr: said } = await evaluate(script, [], { TIDEMARK_LOG_FORMAT: format });
  expect(said).toContain("[U+001B]]0;owned[U+0007][U+009B]2J[U+202E]");
  expect(said.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(said).not.toMatch(/^\[00:00:00\] INFO: forged/m);
});
