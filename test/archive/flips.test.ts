/** A few of the flips of test/archive/flips.long.test.ts, for every run of the tests. */
import { setDefaultTimeout } from "bun:test";
import { testFlips } from "../support/flip-tests.ts";

setDefaultTimeout(120_000);

testFlips({ in_process: 48 });
