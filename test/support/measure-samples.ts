/** Samples of answers and runs of the batch, in seconds. */
import type { AnswerSample, RunSnapshot } from "../../scripts/contract/measures.ts";
import type { BatchRun } from "../../scripts/measure/batch-answers.ts";

const S = 1_000_000;

/** By default the answer is perfect: it has the newest tick received. */
export function sample(at_s: number, answer_s: number | null, received_s = answer_s): AnswerSample {
  const us = (seconds: number | null) => (seconds === null ? null : seconds * S);
  return {
    at_us: at_s * S,
    product_id: "BTC-USD",
    answer_us: us(answer_s),
    received_us: us(received_s),
    waiting_us: null,
  };
}

/** A run that read `run_id` × 100 records of partition 0. */
export function batchRun(
  run_id: number,
  ended_s: number,
  newest_us: Record<string, number>,
  waiting_us: Record<string, number> = {},
): BatchRun {
  const snapshot: RunSnapshot = {
    positions: { 0: run_id * 100 },
    collected_to: run_id,
    store_created: "",
    newest_us,
    waiting_us,
    histograms: {},
    unreceived: 0,
    exchange_us: null,
  };
  return { run_id, ended_us: ended_s * S, snapshot };
}
