/** Reads an existing log up to its current end as a guest: no group is joined, nothing is written. */
import type { DataPaths } from "../base/data-dir.ts";
import { TidemarkError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { openReadOnly, storeError } from "../base/sqlite.ts";
import type { LogBatch } from "../contract/log.ts";
import { BlockSource } from "./embedded/block-source.ts";
import { Stamps } from "./embedded/stamps.ts";
import { partitionsOf } from "./ends.ts";
import { parseLogUrl } from "./open.ts";
import { passedBy, warnOfStart } from "./shared/shorter.ts";

/**
 * Every record that the log has at the call, in offset order within a partition. `paths`: of an
 * embedded log. Fails with NO_DATA if there is no such log or topic, LOG_SHORTER_THAN_CHECKPOINT if
 * retention removes records meanwhile, USAGE, LOG_UNREACHABLE, LOG_ACCESS, or as openReadOnly does.
 */
export async function* wholeLog(url: string, paths: DataPaths, logger: Logger): AsyncGenerator<LogBatch> {
  const parsed = parseLogUrl(url);
  if (parsed.kind === "embedded") {
    yield* wholeFile(paths.log, logger);
    return;
  }
  // Imported on demand, as openLog does.
  const { wholeTopic } = await import("./kafka/whole-topic.ts");
  yield* wholeTopic(parsed, logger);
}

function* wholeFile(path: string, logger: Logger): Generator<LogBatch> {
  const db = openReadOnly(path);
  if (db === null) {
    const hint =
      "Name the data directory that holds log.db, a recording, a file of trades, or kafka://host:port/topic.";
    throw new TidemarkError("NO_DATA", `There is no log at ${path}.`, hint);
  }
  try {
    const source = new BlockSource(db, path, new Stamps(db, { name: `embedded:${path}`, logger }));
    for (let partition = 0; partition < partitionsOf(db); partition++) {
      const span = source.span(partition);
      warnOfStart(span, { name: `embedded:${path}`, logger });
      const { start, end } = span;
      for (let [base, small] = [start, true]; base < end; ) {
        const found = source.read(partition, base, small);
        if (found === null) throw passedBy(`embedded:${path}`, partition, base);
        yield found.batch;
        small = found.small;
        base = found.batch.offsets[found.batch.count - 1]! + 1;
      }
    }
  } catch (error) {
    throw storeError(path, error);
  } finally {
    db.close();
  }
}
