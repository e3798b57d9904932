/** /api/windows of a size that the stream does not keep: reads, limits, and what can't be read. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { openSources } from "../../../web/model/sources.ts";
import { windows } from "../../../web/model/windows.ts";
import { recordedLines, runPath, tempDir } from "../../support/data.ts";

setDefaultTimeout(120_000);

const data = tempDir();
beforeAll(() => runPath(data.path, recordedLines()));
afterAll(() => data[Symbol.dispose]());

const HOUR = 3_600e6;
const FIVE = 300e6;
const of = (size_us: number, limit = 100) => ({ product: "BTC-USD", size_us, from_us: null, to_us: null, limit });

/** The files, and the reads of whole stored windows, which `instead` can replace. */
function opened(instead: (read: () => unknown[]) => unknown[] = (read) => read()) {
  const sources = openSources(dataPaths(data.path));
  let reads = 0;
  const all = sources.windows.all.bind(sources.windows);
  sources.windows.all = <T>(...args: Parameters<typeof all>): T[] => {
    if (!args[0].includes("missing_still")) return all<T>(...args);
    reads++;
    return instead(() => all<T>(...args)) as T[];
  };
  return { sources, reads: () => reads, [Symbol.dispose]: () => sources.close() };
}

test("all windows that are not kept are summed from one read", () => {
  using here = opened();
  const first = windows(here.sources, of(FIVE));
  expect([first.length > 8, here.reads()]).toEqual([true, 1]);
  expect(windows(here.sources, of(FIVE))).toEqual(first);
  // Of a part of the time each sum is the same.
  using other = opened();
  for (const window of first) {
    const from_us = Date.parse(window.window_start) * 1_000;
    expect(windows(other.sources, { ...of(FIVE), from_us, to_us: from_us + 1 })).toEqual([window]);
  }
});

test("a limit for which too many minutes would be read is refused with a sentence", () => {
  using here = opened();
  // So few are all there are.
  expect(windows(here.sources, of(HOUR, 1_000)).length).toBeGreaterThan(0);
  const minutes = Array.from({ length: 10_000 }, (_, i) => ({ window_start_us: i * 60e6 }));
  here.sources.bars.rows = () => minutes as ReturnType<typeof here.sources.bars.rows>;
  expect(() => windows(here.sources, of(HOUR, 1_000))).toThrow(
    'limit is "1000", and at most 165 windows of 1h are summed from 1m at once.',
  );
});

test("minutes that can't be read leave an answer empty, and it is whole once they can", () => {
  let isBroken = true;
  using here = opened((read) => (isBroken ? [] : read()));
  const asked = () => here.sources.leniently(() => windows(here.sources, of(HOUR)).length);
  expect(asked()).toBe(0);
  isBroken = false;
  expect(asked()).toBeGreaterThan(0);
});
