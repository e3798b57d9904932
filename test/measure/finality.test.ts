/** Finality: a part by the exchange's clock and one by this machine's, for both pipelines (L10). */
import { expect, test } from "bun:test";
import type { Closing } from "../../scripts/contract/measures.ts";
import { answeredByRun } from "../../scripts/measure/batch-answers.ts";
import { finality } from "../../scripts/measure/finality.ts";
import { batchRun } from "../support/measure-samples.ts";

const S = 1_000_000;
const ALWAYS = { from_us: 0, to_us: 10_000 * S };

/** A window that ends at 60 s of the recording, closed by the record at `log_offset`. */
function closing(log_offset: number, received_s: number, committed_s: number): Closing {
  return {
    product_id: "BTC-USD",
    size_us: 60 * S,
    window_start_us: 0,
    window_end_us: 60 * S,
    log_partition: 0,
    log_offset,
    closed_time_us: 121 * S,
    received_us: received_s * S,
    is_appended: 0,
    committed_us: committed_s * S,
  };
}

test("both parts are measured in a replay: lateness and silence by the recording, the rest by this machine", () => {
  const closings = Array.from({ length: 20 }, (_, i) => closing(i, 500 + i, 500 + i + (i === 19 ? 3 : 1)));
  const found = finality(closings, ({ committed_us }) => committed_us, ALWAYS)!;
  expect(found.event).toMatchObject({ p50: 61 * S, max: 61 * S, samples: 20 });
  expect(found.machine).toMatchObject({ p50: 1 * S, max: 3 * S });
});

test("the batch has a final answer too: the first run that read the closing record", () => {
  const runs = [batchRun(1, 560, {}, { "BTC-USD": 500 * S }), batchRun(2, 620, {}), batchRun(3, 680, {})];
  const byRun = (one: Closing) => answeredByRun(runs, one);
  const closings = [closing(99, 550, 550), closing(100, 551, 551), closing(300, 660, 660)];
  expect(closings.map(byRun)).toEqual([560 * S, 620 * S, null]);
  expect(finality(closings, byRun, ALWAYS)!.machine).toMatchObject({ max: 69 * S, samples: 2 });
});

test("a window whose closing record came before all that the oldest kept run added was answered by a forgotten run", () => {
  const runs = [batchRun(7, 560, {}, { "BTC-USD": 530 * S, "ETH-USD": 540 * S }), batchRun(8, 620, {})];
  const closings = [closing(3, 100, 100), closing(698, 529, 529), closing(699, 530, 530), closing(701, 570, 570)];
  expect(closings.map((one) => answeredByRun(runs, one))).toEqual([null, null, 560 * S, 620 * S]);
  expect(answeredByRun([batchRun(7, 560, {})], closing(3, 100, 100))).toBeNull();
});

test("a window counts in the span in which it became final", () => {
  const closings = [closing(1, 100, 101), closing(2, 200, 201)];
  const span = { from_us: 150 * S, to_us: 201 * S };
  expect(finality(closings, ({ committed_us }) => committed_us, span)!.event.samples).toBe(1);
  expect(finality(closings, () => null, ALWAYS)).toBeNull();
});
