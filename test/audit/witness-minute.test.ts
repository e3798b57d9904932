/** The witness's rules: each with a case in which it is right, and one in which it must not be given. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  type ExchangeTrades,
  judgeMinute,
  type MinuteEvidence,
  type StreamMinute,
} from "../../scripts/audit/witness-minute.ts";
import { differing, numbersOf, type WitnessTrade } from "../../scripts/audit/witness-numbers.ts";
import { formatUnits, parseUnits } from "../../scripts/base/decimal.ts";
import { CANDLE_US, type Candle } from "../../scripts/contract/candle.ts";

const START = 1_693_929_600_000_000;
const HOUR = 60 * CANDLE_US;

function trade(trade_id: number, second: number, price: string, size: string): WitnessTrade {
  return { trade_id, time_us: START + second * 1e6, price: parseUnits(price, 10), size: parseUnits(size, 8) };
}

const TRADES = [
  trade(1, 1, "100.5", "0.1"),
  trade(2, 2, "101", "0.2"),
  trade(3, 2, "99.25", "0.3"),
  trade(5, 30, "100", "0.1"),
  trade(6, 59, "100.75", "0.4"),
];

function candleOf(trades: readonly WitnessTrade[], changes: Partial<Candle> = {}): Candle {
  const { volume, ...prices } = numbersOf(trades)!;
  const texts = Object.fromEntries(Object.entries(prices).map(([name, units]) => [name, formatUnits(units, 10)]));
  return { start_us: START, ...texts, volume: formatUnits(volume, 8), ...changes } as Candle;
}

const none = new Set<number>();
const streamOf = (final: readonly WitnessTrade[], more: Partial<StreamMinute> = {}): StreamMinute => ({
  final: numbersOf(final),
  last: null,
  late: none,
  unread: none,
  ...more,
});

/** All equal and long past, except for what is given. */
function judge(
  given: Partial<MinuteEvidence>,
  exchange: ExchangeTrades | readonly WitnessTrade[] | string | null = TRADES,
) {
  const minute = { start_us: START, candle: candleOf(TRADES), stored: TRADES, stream: streamOf(TRADES) };
  const times = { first_us: START - HOUR, last_us: START + HOUR, newest_us: START + HOUR };
  const found = Array.isArray(exchange) ? { trades: exchange as WitnessTrade[], unissued: [] } : exchange;
  return judgeMinute({ ...minute, ...times, ...given }, found as ExchangeTrades | string | null);
}

const without = (...ids: number[]) => TRADES.filter(({ trade_id }) => !ids.includes(trade_id));

test("equal in all five numbers, and a minute without a trade on either side", () => {
  expect(judge({}, null)).toMatchObject({ outcome: "equal", rules: [], differences: [], why: "", needsTrades: false });
  expect(judge({ candle: null, stored: [], stream: null }, null)).toMatchObject({ outcome: "empty", rules: [] });
});

test("open and close are by time, then id, in any order of arrival", () => {
  const same = [trade(8, 5, "3", "1"), trade(7, 5, "2", "1"), trade(9, 1, "4", "1"), trade(10, 5, "1", "1")];
  expect(numbersOf(same)).toMatchObject({ open: parseUnits("4", 10), close: parseUnits("1", 10) });
  expect(numbersOf(same.slice(0, 2))).toMatchObject({ open: parseUnits("2", 10), close: parseUnits("3", 10) });
});

test("late: the final row lacks ticks that came late, and with them it is equal", () => {
  const late = streamOf(without(5), { last: numbersOf(TRADES), late: new Set([5]) });
  const verdict = judge({ stream: late });
  expect(verdict).toMatchObject({ outcome: "explained", rules: ["late"], ids: [{ what: "late", ranges: [[5, 5]] }] });
  expect(verdict.differences).toEqual([{ column: "volume", candle: "1.1", stored: "1.1", final: "1", last: "1.1" }]);
  // All of them late: revisions without a final row.
  const all = { final: null, last: numbersOf(TRADES), late: new Set([1, 2, 3, 5, 6]), unread: none };
  expect(judge({ stream: all })).toMatchObject({ outcome: "explained", rules: ["late"] });
});

test("not late: a tick that the final row lacks although it was in time, or another one was late", () => {
  for (const stream of [
    streamOf(without(5)),
    streamOf(without(5), { late: new Set([1]), last: numbersOf(TRADES) }),
    streamOf(without(5), { late: new Set([5]), last: numbersOf(without(5)) }),
    { final: null, last: null, late: none, unread: none },
  ])
    expect(judge({ stream })).toMatchObject({ outcome: "unexplained", rules: [] });
});

test("lacking: with the ids that are not stored the candle is equal; they are named", () => {
  const stored = without(2, 3);
  expect(judge({ stored, stream: streamOf(stored) }, null)).toMatchObject({ needsTrades: true });
  const verdict = judge({ stored, stream: streamOf(stored) });
  expect(verdict).toMatchObject({ outcome: "explained", rules: ["lacking"], needsTrades: false });
  expect(verdict.ids).toEqual([{ what: "lacking", count: 2, ranges: [[2, 3]] }]);
  // Nothing of the minute is stored, between hours that are.
  expect(judge({ stored: [], stream: null })).toMatchObject({
    rules: ["lacking"],
    ids: [
      {
        ranges: [
          [1, 3],
          [5, 6],
        ],
      },
    ],
  });
});

test("never issued ids are named, and explain nothing", () => {
  const exchange = { trades: TRADES, unissued: [[4, 4]] as const };
  const stored = without(2);
  expect(judge({ stored, stream: null }, exchange).ids).toEqual([
    { what: "lacking", count: 1, ranges: [[2, 2]] },
    { what: "unissued", count: 1, ranges: [[4, 4]] },
  ]);
  const off = candleOf(TRADES, { volume: "9" });
  expect(judge({ candle: off, stored, stream: null }, exchange)).toMatchObject({ outcome: "unexplained" });
});

test("not revised: the candle is off by one tick's volume, and an id lacks", () => {
  // The candle lacks trade 5, we lack trade 2: neither our trades nor the exchange's give it.
  const verdict = judge({ candle: candleOf(without(5)), stored: without(2), stream: null });
  expect(verdict).toMatchObject({ outcome: "unexplained", rules: [], ids: [{ what: "lacking", ranges: [[2, 2]] }] });
});

test("revised: the exchange's own trades are exactly those stored, and its candle is another one", () => {
  const verdict = judge({ candle: candleOf(TRADES, { close: "100.7" }) });
  expect(verdict).toMatchObject({ outcome: "explained", rules: ["revised"], ids: [] });
  expect(verdict.differences).toMatchObject([{ column: "close", candle: "100.7", stored: "100.75" }]);
});

test("not revised: stored trades that the exchange has otherwise, or not at all; they are named", () => {
  const wrong = TRADES.map((one) => (one.trade_id === 3 ? { ...one, price: one.price + 1n } : one));
  expect(judge({ stored: wrong, stream: streamOf(wrong) })).toMatchObject({
    outcome: "unexplained",
    rules: [],
    ids: [{ what: "changed", ranges: [[3, 3]] }],
  });
  const more = [...TRADES, trade(4, 20, "100", "0.5")];
  expect(judge({ stored: more, stream: streamOf(more) })).toMatchObject({
    outcome: "unexplained",
    ids: [{ what: "gone", ranges: [[4, 4]] }],
  });
});

test("two errors that cancel in the volume show in the prices", () => {
  // Trades 1 and 5 have the same size: one lost, one made up.
  const stored = [...without(1), trade(4, 20, "100", "0.1")];
  const verdict = judge({ stored, stream: streamOf(stored) });
  expect(verdict.differences.map(({ column }) => column)).toEqual(["open"]);
  expect(verdict).toMatchObject({
    outcome: "unexplained",
    ids: [
      { what: "gone", ranges: [[4, 4]] },
      { what: "lacking", ranges: [[1, 1]] },
    ],
  });
});

test("no candle: the exchange has the same trades; otherwise the ids are named", () => {
  expect(judge({ candle: null })).toMatchObject({ outcome: "explained", rules: ["no_candle"] });
  expect(judge({ candle: null, stored: without(2), stream: null })).toMatchObject({ rules: ["no_candle", "lacking"] });
  expect(judge({ candle: null }, [])).toMatchObject({ outcome: "unexplained", ids: [{ what: "gone", count: 5 }] });
});

test("moving: a young candle of the first trades, one that is not published, a minute that is not over", () => {
  const young = { newest_us: START + 5 * CANDLE_US, last_us: START + 5 * CANDLE_US };
  expect(judge({ ...young, candle: candleOf(TRADES.slice(0, 3)) }, null)).toMatchObject({ rules: ["moving"] });
  expect(judge({ ...young, candle: null }, null)).toMatchObject({ outcome: "explained", rules: ["moving"] });
  const open = { newest_us: START + 40e6, last_us: START + 40e6, candle: candleOf(without(6), { volume: "7" }) };
  expect(judge(open, null)).toMatchObject({ outcome: "explained", rules: ["moving"], needsTrades: true });
  expect(judge(open)).toMatchObject({ outcome: "explained", rules: ["moving"], needsTrades: false });
  const part = { ...open, candle: candleOf(TRADES), stored: without(2), stream: null };
  expect(judge(part)).toMatchObject({ rules: ["lacking"], ids: [{ what: "lacking", ranges: [[2, 2]] }] });
});

test("not moving: an old candle, one of later trades, an exchange behind what is stored", () => {
  const first = candleOf(TRADES.slice(0, 3));
  expect(judge({ candle: first })).toMatchObject({ rules: ["revised"] });
  const young = { newest_us: START + 5 * CANDLE_US, last_us: START + 5 * CANDLE_US };
  expect(judge({ ...young, candle: candleOf(TRADES.slice(2)) }, null)).toMatchObject({ needsTrades: true });
  expect(judge({ newest_us: START - HOUR, candle: null }, [])).toMatchObject({ outcome: "unexplained" });
  const wrong = TRADES.map((one) => (one.trade_id === 3 ? { ...one, price: one.price + 1n } : one));
  const open = { newest_us: START + 40e6, last_us: START + 40e6, stored: wrong, stream: null };
  expect(judge(open)).toMatchObject({ outcome: "unexplained", ids: [{ what: "changed" }] });
});

test("not stored: after all that is stored, before it, and the rest of the newest minute", () => {
  expect(judge({ stored: [], stream: null, last_us: START - 1 }, null)).toMatchObject({ rules: ["not_stored"] });
  expect(judge({ stored: [], stream: null, first_us: START + CANDLE_US }, null)).toMatchObject({
    rules: ["not_stored"],
  });
  const part = { stored: without(6), stream: null, last_us: START + 30e6 };
  expect(judge(part)).toMatchObject({ rules: ["not_stored"], ids: [{ what: "lacking", ranges: [[6, 6]] }] });
  // An id that lacks before the newest one is a gap.
  expect(judge({ ...part, stored: without(3, 6) })).toMatchObject({ rules: ["lacking"] });
});

test("not read: stored ticks that stream has not read, or history; anything else is unexplained", () => {
  const stream = streamOf(without(6), { unread: new Set([6]) });
  expect(judge({ stream })).toMatchObject({ outcome: "explained", rules: ["not_read"], ids: [{ ranges: [[6, 6]] }] });
  expect(judge({ stream: streamOf(without(5), { unread: new Set([6]) }) })).toMatchObject({ outcome: "unexplained" });
});

test("trades that can't be had, and made-up ids, leave a difference unexplained with the reason", () => {
  const candle = candleOf(TRADES, { high: "102" });
  expect(judge({ candle }, "REST answers 500").why).toContain("REST answers 500");
  expect(judge({ candle, newest_us: null }, null)).toMatchObject({ outcome: "unexplained", needsTrades: false });
  expect(judge({ newest_us: null }, null)).toMatchObject({ outcome: "equal" });
});

test("volumes: exact digits, sums of binary floats, the nearest float where digits no longer fit; nothing else", () => {
  const sizes = ["0.1", "0.2", "0.3"].map((size, i) => trade(i, i, "1", size));
  const differs = (volume: string, trades = sizes) => differing(candleOf(trades, { volume }), trades);
  expect(["0.6", "0.6000000000000001", "0.59999999999999998"].map((text) => differs(text))).toEqual([[], [], []]);
  for (const text of ["0.60000001", "0.599999994", "0.600000006", "-0.6", "0.7"])
    expect([text, differs(text)]).toEqual([text, ["volume"]]);
  const large = [trade(1, 1, "1", "123456789.12345678")];
  expect(differs("123456789.12345678", large)).toEqual([]);
  expect(differs(String(123456789.12345678), large)).toEqual([]);
  expect(differs("123456789.1234", large)).toEqual(["volume"]);
  // A price is never a sum: all its digits count.
  expect(differing(candleOf(sizes, { low: "1.00000000001" }), sizes)).toEqual(["low"]);
});

/** Trades of a minute, of which some lack, some were late, and one is forged at random. */
const MINUTE = fc
  .array(
    fc.record({
      second: fc.integer({ min: 0, max: 59 }),
      price: fc.integer({ min: 1, max: 5 }),
      size: fc.integer({ min: 1, max: 9 }),
      fate: fc.constantFrom("in time", "in time", "in time", "lacking", "late"),
    }),
    { minLength: 2, maxLength: 12 },
  )
  .map((made) =>
    made.map((one, i) => ({ ...trade(i + 1, one.second, `${one.price}`, `${one.size}`), fate: one.fate })),
  );

test("random minutes: what lacks and what was late is named exactly; one forged number is never explained", () => {
  fc.assert(
    fc.property(MINUTE, fc.nat(), fc.constantFrom("price", "size", "row", "revision"), (made, at, forged) => {
      const stored = made.filter(({ fate }) => fate !== "lacking");
      const late = new Set(made.filter(({ fate }) => fate === "late").map(({ trade_id }) => trade_id));
      const inTime = stored.filter(({ trade_id }) => !late.has(trade_id));
      fc.pre(inTime.length > 0);
      const last = late.size > 0 ? numbersOf(stored) : null;
      const stream = { final: numbersOf(inTime), last, late, unread: none };
      const minute = { candle: candleOf(made), stored, stream };
      const verdict = judge(minute, made);
      const named = Object.fromEntries(verdict.ids.map(({ what, ranges }) => [what, idsOf(ranges)]));
      const lacking = made.filter(({ fate }) => fate === "lacking").map(({ trade_id }) => trade_id);
      expect(named).toEqual({
        ...(lacking.length > 0 && { lacking }),
        ...(late.size > 0 && { late: [...late] }),
      });
      expect(verdict.outcome).toBe(verdict.ids.length > 0 ? "explained" : "equal");
      // One number is changed: of a stored tick, of the final row, or of the last revision.
      const victim = stored[at % stored.length]!;
      const change = (one: WitnessTrade) => ({ ...one, [forged]: one[forged as "price" | "size"] + 1n });
      const other = { ...numbersOf(inTime)!, volume: numbersOf(inTime)!.volume + 1n };
      const forgery =
        forged === "row"
          ? { ...minute, stream: { ...stream, final: other } }
          : forged === "revision"
            ? { ...minute, stream: { ...stream, last: other } }
            : { ...minute, stored: stored.map((one) => (one === victim ? change(one) : one)) };
      // A price that no candle shows is as good as another.
      fc.pre(forged !== "price" || !sameNumbers(forgery.stored, stored, late));
      expect(judge(forgery, made).outcome).toBe("unexplained");
    }),
    { numRuns: 300 },
  );
});

const idsOf = (ranges: readonly (readonly [number, number])[]) =>
  ranges.flatMap(([lo, hi]) => Array.from({ length: hi - lo + 1 }, (_, i) => lo + i));

function sameNumbers(a: readonly WitnessTrade[], b: readonly WitnessTrade[], late: ReadonlySet<number>): boolean {
  const inTime = (trades: readonly WitnessTrade[]) => trades.filter(({ trade_id }) => !late.has(trade_id));
  const texts = (trades: readonly WitnessTrade[]) => JSON.stringify([trades, inTime(trades)].map(numbersOf), big);
  return texts(a) === texts(b);
}
const big = (_: string, value: unknown) => (typeof value === "bigint" ? String(value) : value);
