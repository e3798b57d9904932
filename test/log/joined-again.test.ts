/** Reading to the end of a log whose group drops the reader in between: it stood still, or was busy. */
import { expect, test } from "bun:test";
import type { Log, LogBatch, ReaderOptions } from "../../scripts/contract/log.ts";
import { readToEnd } from "../../scripts/log/index.ts";

/** A log of one partition, two records per poll, whose readers join again before each poll. */
function dropping(end: number): Log {
  const reader = async ({ position }: ReaderOptions) => ({
    poll: async () => {
      const at = position(0);
      const next = typeof at === "number" ? at : at.next;
      return [{ partition: 0, count: 2, offsets: Float64Array.of(next, next + 1) } as unknown as LogBatch];
    },
    close: async () => {},
  });
  return { spans: async () => [{ partition: 0, start: 0, end }], reader } as unknown as Log;
}

test("a reader that joins its group again continues behind what it has returned: each record comes once", async () => {
  const offsets: number[] = [];
  for await (const batch of readToEnd(dropping(8), { group: "g" })) {
    offsets.push(...batch.offsets);
    if (offsets.length > 20) break;
  }
  expect(offsets).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});
