/** 500 flips of one bit against the verifiers in process, 20 through the commands: never a wrong answer that is called right (docs/archive.md). */
import { setDefaultTimeout } from "bun:test";
import { testFlips, testFlipsByCommands } from "../support/flip-tests.ts";

setDefaultTimeout(120_000);

testFlips({ in_process: 500 });
testFlipsByCommands(20);
