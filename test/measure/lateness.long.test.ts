/** The price of lateness equals real runs of `stream` in every cell: 8 latenesses, 3 window sizes. */
import { expect, test } from "bun:test";
import { compareRuns, disorderedLines } from "../support/lateness-cells.ts";

test("8 latenesses × 3 window sizes over the disordered hour with heartbeats: 24 of 24 cells are those of a real run", async () => {
  const compared = await compareRuns(disorderedLines(), [1, 2, 5, 10, 30, 60, 120, 300]);
  expect([compared.cells, compared.late, compared.closings]).toEqual([24, 1_075, 3_371]);
}, 300_000);
