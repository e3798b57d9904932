/** The tests of test/browser/metric-charts.test.ts with 60 batches instead of a dozen. */
import { expect, test } from "bun:test";
import "./metric-charts.test.ts";

test("the long tests ask for 60 batches", () => expect(process.env.TIDEMARK_CASES).toBeDefined());
