/** Spark's trace beside the log: it is believed as far as its watermarks follow from the log. */
import { expect, test } from "bun:test";
import type { AuditOutcome, AuditRule, SparkTrace } from "../../scripts/audit/audit-types.ts";
import { engineLog } from "../../scripts/audit/engine-log.ts";
import { checkTrace } from "../../scripts/audit/late-trace.ts";
import { at, delayed, REPLACED, run, steady, traceOf } from "../support/audit-cases.ts";
import { recordsOf } from "../support/foreign-engines.ts";
import { type ForeignWindow, MINUTE, type Trade } from "../support/foreign-rows.ts";

/** Trade 10 arrives when the watermark has passed its window; the last batch only closes a window. */
const TRADES = delayed(steady().slice(0, 545), 10, 250);
const { trace: TRACE } = traceOf(TRADES, REPLACED);
const LAST = TRACE.batches.length - 1;

const changed = (change: (batch: SparkTrace["batches"][number], at: number) => object | null): SparkTrace => ({
  ...TRACE,
  batches: TRACE.batches.flatMap((one, n) => {
    const change_n = change(one, n);
    return change_n === null ? [] : [{ ...one, ...change_n }];
  }),
});
const lost =
  (...minutes: number[]) =>
  (rows: ForeignWindow[]) => {
    for (const minute of minutes) rows.splice(minute, 1);
  };
const audit = (trace: SparkTrace, change?: (rows: ForeignWindow[]) => void, options = {}) =>
  run(TRADES, REPLACED, change, { trace, ...options });
const found = (report: ReturnType<typeof audit>, minute: number): [AuditOutcome, AuditRule | undefined] => [
  at(report, minute).outcome,
  at(report, minute).rules[0],
];

test("a whole trace proves what is late and what stays open, and a lost row is unexplained", () => {
  const report = audit(TRACE);
  expect(found(report, 0)).toEqual(["explained", "W2"]);
  expect(found(report, 9)).toEqual(["explained", "W4"]);
  expect(report.how).toContain("Its watermarks follow from the log: the greatest event time less 1m.");
  expect(report.how.join()).not.toContain("missing");
  expect(found(audit(TRACE, lost(7)), 7)).toEqual(["unexplained", undefined]);
});

test("without its last batch: rows that the batch wrote are made, and rows that lack are only consistent with W4", () => {
  const cut = changed((_, n) => (n === LAST ? null : {}));
  const whole = audit(cut);
  expect(whole.totals).toMatchObject({ consistent: 0, unexplained: 0 });
  expect(found(whole, 9)).toEqual(["explained", "W4"]);
  const report = audit(cut, lost(7));
  expect(found(report, 7)).toEqual(["consistent", "W4"]);
  expect(found(report, 9)).toEqual(["explained", "W4"]);
  expect(report.how.join(" ")).toContain("batches may be missing in it");
  // The row of a later window shows that a watermark passed this one.
  const short = changed((_, n) => (n > 24 ? null : {}));
  expect(found(audit(short, lost(6)), 6)).toEqual(["unexplained", undefined]);
});

test("watermarks that do not follow from the log prove nothing: one lowered, all shifted, all 0", () => {
  const lowered = changed((_, n) => (n === LAST ? { watermark_ms: TRACE.batches[LAST - 1]!.watermark_ms } : {}));
  expect(found(audit(lowered, lost(7)), 7)).toEqual(["consistent", "W4"]);
  expect(found(audit(lowered), 0)).toEqual(["consistent", "W2"]);
  expect(audit(lowered).how.join(" ")).toContain(`do not follow from the log: 1 (batch ${LAST})`);
  const shifted = changed(({ watermark_ms }) => (watermark_ms === 0 ? {} : { watermark_ms: watermark_ms + 1 }));
  expect(found(audit(shifted), 0)).toEqual(["consistent", "W2"]);
  const shiftedBy = { lateness_us: MINUTE - 1_000 };
  expect(found(audit(shifted, undefined, shiftedBy), 0)).toEqual(["explained", "W2"]);
  const none = audit(changed(() => ({ watermark_ms: 0 })));
  expect(none.how.join(" ")).toContain("All watermarks of the trace are 0");
  expect(none.windows.some(({ rules }) => rules.includes("W2"))).toBe(false);
});

test("another delay than the given one proves nothing", () => {
  expect(found(audit(TRACE, undefined, { lateness_us: MINUTE }), 0)).toEqual(["explained", "W2"]);
  expect(found(audit(TRACE, undefined, { lateness_us: 2 * MINUTE }), 0)).toEqual(["consistent", "W2"]);
});

test("a batch that lacks in the middle leaves its ticks unknown, and no other", () => {
  const late = TRADES.findIndex(({ id }) => id === 11);
  const batch = Math.floor(late / 20);
  const report = audit(changed((_, n) => (n === batch ? null : {})));
  expect(found(report, 0)).toEqual(["consistent", "W2"]);
  expect(report.totals).toMatchObject({ consistent: 1, unexplained: 0 });
});

test("what moves the watermark is the job's choice: refused records or not, all products or one", () => {
  const refused = TRADES.map((trade, n) => (n % 9 === 4 ? { ...trade, isRefused: true, price: "abc" } : trade));
  const proven = { follows: true, isOdd: false, delay_us: MINUTE };
  for (const nulls of [false, true]) {
    const { trace } = traceOf(refused, { ...REPLACED, nulls });
    expect(checkTrace(engineLog(recordsOf(refused)), trace)).toMatchObject(proven);
  }
  const own = TRADES.map((trade) => ({ ...trade, offset: 2 * trade.offset }));
  // Another product, whose clock is ahead by a changing time.
  const both = own.flatMap((trade, n): Trade[] => [
    trade,
    { ...trade, id: n + 10_000, product: "ETH-USD", time: trade.time + (n % 7) * MINUTE, offset: trade.offset + 1 },
  ]);
  expect(checkTrace(engineLog(recordsOf(both)), traceOf(own, REPLACED).trace)).toMatchObject(proven);
});

test("a topic that no longer has the job's first records: the later watermarks are checked", () => {
  const check = (trace: SparkTrace) => checkTrace(engineLog(recordsOf(TRADES.slice(110))), trace);
  expect(check(TRACE)).toMatchObject({ follows: true, delay_us: MINUTE });
  expect(check(changed(({ watermark_ms }, n) => ({ watermark_ms: watermark_ms + (n === 20 ? 1 : 0) }))).follows).toBe(
    false,
  );
});
