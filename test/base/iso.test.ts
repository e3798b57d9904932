/** Times as text: what is accepted, what it means, and that impossible days are refused. */
import { expect, test } from "bun:test";
import { clockFromUs, isoSeconds, msFromHttpDate, usFromIso } from "../../scripts/base/iso.ts";

const NOON_US = 1_693_915_200_000_000;

test("a time is read in every form that flags and query strings take", () => {
  for (const [text, us] of [
    ["2023-09-05", NOON_US - 12 * 3_600e6],
    ["2023-09-05T12:00", NOON_US],
    ["2023-09-05 12:00:00", NOON_US],
    ["2023-09-05T12:00:00Z", NOON_US],
    ["2023-09-05T14:00:00+02:00", NOON_US],
    ["2023-09-05T12:00:00.000001Z", NOON_US + 1],
    ["2023-09-05T12:00:00.1234567890Z", NOON_US + 123_456],
    ["1969-12-31T23:59:59.5Z", -500_000],
  ] as const)
    expect([text, usFromIso(text)]).toEqual([text, us]);
});

test("what is not a time, or is an impossible one, is null", () => {
  for (const text of [
    "",
    "soon",
    "2023-02-31",
    "2023-13-01",
    "2023-09-05T25:00",
    "2023-09-05T12:00:00 Z",
    "1693915200",
  ])
    expect([text, usFromIso(text)]).toEqual([text, null]);
});

test("whole seconds are written for the years 1 to 9999", () => {
  expect(isoSeconds(NOON_US / 1e6)).toBe("2023-09-05T12:00:00");
  expect(isoSeconds(-62_135_596_800)).toBe("0001-01-01T00:00:00");
  expect([isoSeconds(-62_135_596_801), isoSeconds(253_402_300_800)]).toEqual([null, null]);
});

test("a header's date is read", () => {
  expect(msFromHttpDate("Tue, 05 Sep 2023 12:00:00 GMT")).toBe(NOON_US / 1_000);
  expect(msFromHttpDate("soon")).toBeNaN();
});

test("a time in a sentence about now has its date only on another day", () => {
  const hour_us = 3_600e6;
  expect(clockFromUs(NOON_US, NOON_US + hour_us)).toBe("12:00:00 UTC");
  expect(clockFromUs(NOON_US, NOON_US + 12 * hour_us)).toBe("2023-09-05 12:00:00 UTC");
});
