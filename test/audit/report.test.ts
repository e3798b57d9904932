/** The report of an audit: one set of figures in table, JSON and page; hostile text stays text. */
import { expect, test } from "bun:test";
import type { AuditReport, WindowVerdict } from "../../scripts/audit/index.ts";
import { auditPage, auditText, reportView } from "../../scripts/audit/index.ts";
import { EVIL } from "../support/data.ts";

const START_US = 1_693_929_600_000_000;
const tick = (trade_id: number, rule: "W2" | "W3", what: "missing" | "surplus" = "missing") => {
  return { trade_id, partition: 0, offset: trade_id, what, rule };
};

/** A verdict on the minute `minute`; equal unless it is given otherwise. */
function verdict(minute: number, rest: Partial<WindowVerdict> = {}): WindowVerdict {
  const window_start_us = START_US + minute * 60e6;
  const at = { product_id: "BTC-USD", window_start_us, where: `part-0.csv line ${minute + 2}` };
  return { ...at, outcome: "equal", rules: [], differences: [], ticks: [], why: "equal digit for digit", ...rest };
}

const WINDOWS = [
  verdict(0),
  verdict(1),
  verdict(2, {
    outcome: "explained",
    rules: ["W1"],
    differences: [{ column: "price_range", theirs: "1263.8086", exact: "1263.81", rules: ["W1"] }],
    why: "the same ticks in 32-bit floats",
  }),
  verdict(3, {
    outcome: "explained",
    rules: ["W2", "W1"],
    differences: [
      { column: "trade_count", theirs: "236", exact: "238", rules: ["W2"] },
      { column: "avg_price", theirs: "25740.3361", exact: "25740.3361344538", rules: ["W1", "W2"] },
    ],
    ticks: [tick(1910, "W2"), tick(2293, "W2")],
    why: "two ticks were late",
  }),
  verdict(4, { outcome: "explained", rules: ["W4"], where: null, why: "no later event closed it" }),
  verdict(5, {
    outcome: "unexplained",
    differences: [{ column: "total_volume", theirs: "8.4", exact: "8.40453046", rules: [] }],
    why: "no model reproduces total_volume",
  }),
  verdict(6, {
    outcome: "consistent",
    rules: ["W2"],
    differences: [{ column: "trade_count", theirs: "99", exact: "100", rules: ["W2"] }],
    ticks: [tick(3000, "W2")],
    why: "the last arrival is missing",
  }),
];

function report(windows: WindowVerdict[] = WINDOWS, more: Partial<AuditReport> = {}): AuditReport {
  const count = (outcome: string) => windows.filter((one) => one.outcome === outcome).length;
  const products = ["BTC-USD"];
  return {
    input: { url: "ticks.jsonl", records: 13_232, ticks: 13_228, repeated: 30, refused: 4, products },
    answers: {
      url: "stream_csv",
      rows: 58,
      columns: [{ name: "trade_count", theirs: "n", type: "untyped" }],
      ignored: ["comment"],
    },
    shape: { size_us: 60e6, every_us: 60e6, offset_us: 0, shift_us: 0, zone: "UTC", hasZone: false },
    model: {
      arithmetic: "float32",
      repeats: "all",
      keys: "exact",
      malformed: "nulls",
      lateness: { kind: "suffix" },
      times: "us",
      edge: "left",
    },
    how: ["32-bit floats reproduce 55 of 58 rows, decimals 2."],
    windows,
    totals: {
      windows: windows.length,
      equal: count("equal"),
      consistent: count("consistent"),
      unexplained: count("unexplained"),
      by_rule: [],
      superseded_rows: 3,
      uncommitted_rows: 1,
    },
    ...more,
  };
}

const viewOf = (one: AuditReport, trusted: string[] = []) => reportView({ kind: "windows", report: one }, trusted);
const textOf = (one: AuditReport, options: Partial<{ all: boolean; colors: boolean; trusted: string[] }> = {}) =>
  auditText(viewOf(one, options.trusted), { all: false, colors: false, ...options });
const pageOf = (one: AuditReport, all = false) => auditPage(viewOf(one), { all, now_us: START_US });

test("the summary counts each window once, and the table has what needs a person first", () => {
  expect(textOf(report()).split("\n")).toEqual([
    "7 windows: 2 equal, 1 by 32-bit floats (W1), 1 by late ticks dropped (W2, 2 ticks), 1 by window never emitted (W4), 1 only consistent with late ticks dropped (W2, 1 tick), 1 unexplained, 3 earlier rows (W9)",
    "",
    "ticks    ticks.jsonl: 13,232 records, 13,228 ticks of BTC-USD (30 repeated, 4 not a trade)",
    "answers  stream_csv: 61 rows, 3 of them earlier rows of the same windows, windows of 1m, times without a zone, read as UTC",
    "how      32-bit floats reproduce 55 of 58 rows, decimals 2.",
    "note     Columns not compared: comment.",
    "         A question mark (W2?): the rule fits, but a loss would look the same. To decide it, give the engine's trace (--checkpoint DIR) or its delay (--lateness 1m); to accept it, --trust W2.",
    "",
    "window                column            theirs             exact  rule         ticks",
    "2023-09-05T16:05:00Z  total_volume         8.4        8.40453046  unexplained",
    "2023-09-05T16:06:00Z  trade_count           99               100  W2?          −1: 3000",
    "2023-09-05T16:03:00Z  trade_count          236               238  W2           −2: 1910, 2293",
    "2023-09-05T16:03:00Z  avg_price     25740.3361  25740.3361344538  W1 W2",
    "2023-09-05T16:04:00Z  (row)             no row                 –  W4",
    "2023-09-05T16:02:00Z  price_range    1263.8086           1263.81  W1",
    "",
    "unexplained  2023-09-05T16:05:00Z: no model reproduces total_volume (part-0.csv line 7)",
    "",
  ]);
});

test("it passes with nothing unexplained and nothing merely consistent, unless the rule is trusted", () => {
  const without = (...outcomes: string[]) => report(WINDOWS.filter(({ outcome }) => !outcomes.includes(outcome)));
  expect(viewOf(report()).passed).toBe(false);
  expect(viewOf(without("unexplained")).passed).toBe(false);
  expect(viewOf(without("unexplained"), ["W3"]).passed).toBe(false);
  expect(viewOf(without("unexplained"), ["W2"]).passed).toBe(true);
  expect(viewOf(without("consistent"), ["W2"]).passed).toBe(false);
  expect(viewOf(without("unexplained", "consistent")).passed).toBe(true);
  expect(textOf(without("unexplained"), { trusted: ["W2"] })).toContain("Accepted without a proof, by --trust: W2.");
});

test("page, table and JSON have the same figures; the page's differing digits are marked", () => {
  const one = report();
  const page = pageOf(one);
  const [summary] = textOf(one).split("\n");
  expect(page).toContain(`Not passed. ${summary}`);
  for (const { differences } of one.windows)
    for (const { theirs, exact } of differences) {
      const shared = theirs!.length - [...theirs!].findIndex((digit, i) => digit !== exact![i]);
      const at = shared > theirs!.length ? theirs!.length : theirs!.length - shared;
      expect(page).toContain(`${theirs!.slice(0, at)}<mark>${theirs!.slice(at)}</mark></td><td class="n">${exact}<`);
    }
  expect(page).toContain('<tr><th scope="row">W2</th><td class="n">1</td><td class="n">1</td><td class="n">3</td>');
  expect(page).toContain('<tr><th scope="row">unexplained</th><td class="n">1</td>');
  expect(page.match(/<section class="(\w+)"/g)).toHaveLength(5);
  expect(page).not.toMatch(/<script|https?:|url\(|@import/);
  expect(page).toContain("prefers-color-scheme: dark");
});

test("digits are marked on a terminal only with colours, from the first that differs", () => {
  expect(textOf(report())).not.toContain("\u001b");
  const colored = textOf(report(), { colors: true });
  expect(colored).toContain("  1263.8\u001b[1;4m086\u001b[0m           1263.81  W1");
});

test("more lines than a terminal shows are counted, and --all prints them", () => {
  const many = Array.from({ length: 100 }, (_, i) => {
    return verdict(i, {
      ...WINDOWS[3]!,
      ticks: Array.from({ length: 8 }, (_, id) => tick(id, "W2")),
      window_start_us: i,
    });
  });
  const cut = textOf(report(many));
  expect(cut.match(/trade_count/g)).toHaveLength(20);
  expect(cut).toContain("−8: 0, 1, 2, 3, 4 and 3 more");
  expect(cut).toContain("… and 160 lines more: --all prints them, --html FILE writes them as a page");
  const all = textOf(report(many), { all: true });
  expect(all.match(/trade_count/g)).toHaveLength(100);
  expect(all).not.toContain("more");
  // A window names a thousand of its ticks: of more, no exact number is printed.
  const ticks = Array.from({ length: 1_000 }, (_, id) => tick(id, "W2"));
  const huge = textOf(report([verdict(0, { ...WINDOWS[3]!, ticks })]));
  expect(huge).toContain("1 by late ticks dropped (W2, at least 1,000 ticks)");
  expect(huge).toContain("−1,000 or more: 0, 1, 2, 3, 4 and 995 more");
  const long = Array.from({ length: 2_001 }, () => WINDOWS[2]!);
  expect(pageOf(report(long))).toContain("Not on this page: 1 window.");
  expect(pageOf(report(long), true)).not.toContain("Not on this page");
});

test("foreign text neither controls a terminal nor becomes HTML", () => {
  const hostile = `${EVIL}\u001b[2J\u202e<script>alert(1)</script>&`;
  const cell = { column: "avg_price" as const, theirs: hostile, exact: "1", rules: [] };
  const windows = [
    verdict(0, { outcome: "unexplained", differences: [cell], why: hostile, where: hostile, product_id: hostile }),
  ];
  const columns = [{ name: "avg_price" as const, theirs: hostile, type: "untyped" as const }];
  const one = report(windows, {
    input: { ...report().input, url: hostile, products: [hostile, "B"] },
    answers: { url: hostile, rows: 1, columns, ignored: [hostile] },
    how: [hostile],
  });
  const text = textOf(one, { all: true });
  const hidden = ["\u001b", "\u202e"];
  expect(hidden.filter((character) => text.includes(character))).toEqual([]);
  expect(text).toContain("[U+001B]");
  const page = pageOf(one);
  expect(page).not.toMatch(/<script|<img/);
  expect(hidden.filter((character) => page.includes(character))).toEqual([]);
  expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;&amp;");
});
