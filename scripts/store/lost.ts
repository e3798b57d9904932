/** Reports that a log has lost records: once on stderr, and on the page until a rebuild. */
import { nowUs } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { plural } from "../base/printable.ts";
import type { Problems } from "../contract/problems.ts";
import type { CheckpointStore } from "./checkpoint.ts";

/** Reports the store's counter `lost` as problem `log-hole`, if it is above 0. */
export function reportLost(store: CheckpointStore, problems: Problems, logger: Logger): void {
  const lost = store.counter("lost");
  if (lost === 0) return;
  const sentence = `The log has lost ${plural(lost, "record")}: offsets without a record (compaction, or a damaged log). Windows miss their ticks; see the topic's cleanup.policy.`;
  const isNew = problems.report({ code: "log-hole", sentence, stops: false, since_us: nowUs() });
  if (!isNew) return;
  logger.warn(sentence);
  store.saveProblems(problems.list());
}
