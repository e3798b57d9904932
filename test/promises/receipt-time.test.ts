/** Time that a tick waits for the log shows in its latencies, which count from the socket. */
import { Database } from "bun:sqlite";
import { afterEach, test } from "bun:test";
import { join } from "node:path";
import { tempDir } from "../support/data.ts";
import { killStages } from "../support/process.ts";
import { expectStallInLatencies } from "../support/stalled-log.ts";

afterEach(killStages);

test("log.db's write lock is held for more than 2 s: ingest and pipeline latency show at least 2 s for the ticks that waited", async () => {
  using dir = tempDir();
  await expectStallInLatencies(dir.path, "embedded:", () => {
    const locked = new Database(join(dir.path, "log.db"));
    locked.exec("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE");
    return () => {
      locked.exec("ROLLBACK");
      locked.close();
    };
  });
}, 120_000);
