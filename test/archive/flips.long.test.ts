/** 512 flips of one bit: none leads to a wrong result that is reported as right (docs/archive.md). */
import { setDefaultTimeout } from "bun:test";
import { testFlips, testFlipsByCommands } from "../support/flip-tests.ts";

setDefaultTimeout(300_000);

testFlips({ in_process: 500 });
testFlipsByCommands(12);
