/** Where a foreign job began to read, in an input that is larger than a call's arguments may be. */
import { expect, test } from "bun:test";
import type { AuditWindow } from "../../scripts/audit/engine-windows.ts";
import { withBegins } from "../../scripts/audit/fit-begins.ts";
import type { Evidence, Fit } from "../../scripts/audit/fit-model.ts";
import type { Variant } from "../../scripts/audit/fit-variants.ts";

const ARRIVALS = 1_200_000;

test("a first window of more than a million ticks without a row is where the job may not have begun", () => {
  const log = { records: { length: ARRIVALS + 1 }, partition: new Int32Array(ARRIVALS + 1), offset: [] as number[] };
  log.offset[ARRIVALS] = 7;
  const arrivals = Array.from({ length: ARRIVALS }, (_, i) => i);
  const rowless = { start_us: 0, arrivals, row: null };
  const rowed = { start_us: 1, arrivals: [ARRIVALS], row: {} };
  const windows = [rowed, rowless] as unknown as AuditWindow[];
  const tried: Variant["engine"][] = [];
  const fit = { engine: { begins: new Map() }, failing: [windows[1]], reproduced: 1 } as unknown as Fit;
  const evidence = {
    log,
    windows,
    fit({ engine }: Variant) {
      tried.push(engine);
      return { ...fit, engine, reproduced: 2 };
    },
  } as unknown as Evidence;

  expect(withBegins(evidence, fit).engine.begins).toEqual(new Map([[0, 7]]));
  expect(tried).toHaveLength(1);
});
