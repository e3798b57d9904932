/** What the main chart writes, and the addresses of windows. */
import { describe, expect, test } from "bun:test";
import { windowPath } from "../../../web/model/window-id.ts";
import type { Bucket } from "../../../web/public/main-chart-buckets.ts";
import {
  ageText,
  fieldsOf,
  horizonText,
  outcomeText,
  price,
  tableRows,
  windowLink,
} from "../../../web/public/main-chart-words.ts";

const OF = { product: "BTC-USD", window: "1m", size_s: 60, zone: "UTC" };
const AT = Date.parse("2023-09-05T16:54:00Z") / 1000;
const candle = { open: 1, high: 25_741.5, low: 1, close: 2, volume: 3.25, trades: 1234, vwap: 25_740.123 };
const bucket = (change: Partial<Bucket> = {}): Bucket => ({
  from_s: AT,
  to_s: AT + 60,
  windows: 1,
  first_s: AT,
  worst_s: AT,
  has: { stream: 1, batch: 0 },
  stream: candle,
  batch: null,
  late: 0,
  is_open: false,
  outcome: "equal",
  outcomes: { equal: 1 },
  ...change,
});

test("the horizon's label names run and age; it is shorter on a narrow chart", () => {
  const run = { id: 23, ended_s: 1000 };
  expect(horizonText(AT + 52, run, 1_004_100, "UTC", false)).toBe("batch knows until 16:54:52 (run 23, 4.1 s ago)");
  expect(horizonText(AT + 52, run, 1_004_100, "UTC", true)).toBe("batch until 16:54:52 (run 23, 4.1 s ago)");
  expect(horizonText(AT, { id: 3, ended_s: null }, 0, "UTC", false)).toBe("batch knows until 16:54:00 (run 3)");
  expect([ageText(59_940), ageText(125_000), ageText(3_725_000)]).toEqual(["59.9 s", "2 min 5 s", "1 h 2 min"]);
});

test("each outcome has its own sign and words", () => {
  const texts = (["equal", "explained", "unexplained", "pending", "unread", "history", "open"] as const).map(
    (outcome) => outcomeText(bucket({ outcome, outcomes: { [outcome]: 1 }, late: outcome === "explained" ? 3 : 0 })),
  );
  const words = [
    "✓ equal",
    "▲ 3 late ticks explain it",
    "≠ differs",
    "… pending",
    "– not read yet",
    "« history",
    "○ open",
  ];
  expect(texts).toEqual(words);
  expect(new Set(texts.map((text) => text[0])).size).toBe(7);
  expect(outcomeText(bucket({ windows: 60, outcome: "explained", outcomes: { explained: 6, equal: 54 } }))).toBe(
    "▲ 6 of 60 explained",
  );
});

test("the readout has the same fields for every window, and for none", () => {
  const labels = (of: Bucket | null) => fieldsOf(of, OF).map(([label]) => label);
  expect(labels(null).slice(1)).toEqual(labels(bucket()).slice(1));
  const dead = Object.fromEntries(fieldsOf(bucket({ stream: null, batch: candle }), OF));
  expect(dead.Window).toBe("16:54–16:55 (batch only)");
  expect(dead["vwap batch"]).toBe("25,740.12");
  expect(dead["vwap stream"]).toBe("–");
});

test("a row of several windows names the pipeline that lacks some of them", () => {
  const three = (change: Partial<Bucket>) => bucket({ to_s: AT + 180, windows: 3, ...change });
  const lacking = three({ has: { stream: 3, batch: 1 } });
  expect(fieldsOf(lacking, OF)[0]).toEqual(["batch: 1 of 3 windows", "16:54–16:57"]);
  expect(tableRows([lacking], OF).rows[0]![1]).toBe("16:54–16:57 (batch: 1 of 3 windows)");
  const dead = three({ has: { stream: 2, batch: 3 }, stream: null, batch: candle });
  expect(tableRows([dead], OF).rows[0]![1]).toBe("16:54–16:57 (batch only) (stream: 2 of 3 windows)");
  expect(fieldsOf(three({ has: { stream: 3, batch: 3 } }), OF)[0]![0]).toBe("3 windows");
});

test("two digits in sight, more for small prices", () => {
  expect([25_740.126, 0.071_234, 0, 3].map(price)).toEqual(["25,740.13", "0.07123", "0.00", "3.000"]);
});

test("the table has the newest windows first and names what it leaves out", () => {
  const many = Array.from({ length: 600 }, (_, i) => bucket({ from_s: AT + i * 60, to_s: AT + i * 60 + 60 }));
  const { head, rows, note } = tableRows(many, OF);
  expect(rows.length).toBe(500);
  expect(rows[0]!.length).toBe(head.length);
  expect(rows[0]!.slice(0, 2)).toEqual(["6 Sep 2023", "02:53–02:54"]);
  expect(note).toBe("the newest 500 of 600 rows");
});

describe("a window's address is that of the server", () => {
  for (const start_us of [Date.parse("2023-09-05T16:30:00Z") * 1000, Date.parse("2023-09-05T16:30:05.5Z") * 1000])
    for (const product of ["BTC-USD", "a/b c"])
      test(`${product} at ${start_us}`, () => {
        const size = { us: 60_000_000, name: "1m" };
        expect(windowLink(start_us / 1e6, { product, window: "1m" })).toBe(windowPath(product, size, start_us));
      });
});
