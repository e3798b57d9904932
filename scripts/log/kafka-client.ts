/** How kafkajs is set up: quiet, and patient only where that is right. */
import { Kafka, logLevel } from "kafkajs";
import RequestQueue from "kafkajs/src/network/requestQueue";
import { nowMs } from "../common/clock.ts";
import { parseDuration } from "../common/duration.ts";
import { sentence, TidemarkError } from "../common/errors.ts";
import { KAFKA_OPEN_MS, KAFKA_SESSION_MS } from "../common/limits.ts";
import type { Logger } from "../common/logger.ts";

/**
 * A client whose own messages are debug lines: what a user must know, our callers say. Each request is tried again for about ten
 * seconds; what must not give up then (append, a running reader) starts over.
 */
export function kafkaClient(brokers: string[], logger: Logger): Kafka {
  return new Kafka({
    clientId: "tidemark",
    brokers,
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    retry: {
      initialRetryTime: 100,
      factor: 0.2,
      multiplier: 2,
      maxRetryTime: 2_000,
      retries: 6,
      restartOnFailure: async () => true,
    },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => logger.debug(`kafkajs: ${entry.log.message}`),
  });
}

/** After this without a sign of life, a group gives a member's partitions to the others: TIDEMARK_KAFKA_SESSION, else KAFKA_SESSION_MS. */
export function sessionMs(): number {
  const wanted = process.env.TIDEMARK_KAFKA_SESSION;
  if (wanted === undefined) return KAFKA_SESSION_MS;
  const us = parseDuration(wanted);
  if (us === null || us < 1_000_000) {
    throw new TidemarkError("USAGE", `TIDEMARK_KAFKA_SESSION: "${wanted}" is no duration of at least 1s.`);
  }
  return us / 1_000;
}

/** Fails when the promise isn't settled within KAFKA_OPEN_MS. */
export function within<T>(promise: Promise<T>): Promise<T> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${KAFKA_OPEN_MS / 1000} s`)), KAFKA_OPEN_MS);
  });
  promise.catch(() => {});
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The one sentence for a cluster that doesn't answer. */
export function unreachable(brokers: string[], cause: unknown): TidemarkError {
  const reason = sentence(cause).replace(/\.$/, "");
  return new TidemarkError(
    "LOG_UNREACHABLE",
    `The Kafka broker at ${brokers.join(", ")} doesn't answer: ${reason}.`,
    "Is it running, and is the address right? `bun run test:kafka` starts one on this machine; --log embedded: needs none.",
    { cause },
  );
}

/** The broker's own name of an error (`MESSAGE_TOO_LARGE`), wherever kafkajs has wrapped it, or "". */
export function kafkaErrorType(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("type" in at && typeof at.type === "string") return at.type;
  }
  return "";
}

/*
 * kafkajs 2.2.4 keeps a timer going while its queue is idle, a thousand times a second, and hands setTimeout a moment long past, which
 * Bun 1.4.5 reports on stderr (TimeoutNegativeWarning). Nothing waits in an idle queue: whatever is put off calls this again.
 */
const CHECK_PENDING_MS = 10;
RequestQueue.prototype.scheduleCheckPendingRequests = function () {
  if (this.throttleCheckTimeoutId || this.pending.length === 0) return;
  const throttled_ms = this.throttledUntil - nowMs();
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    },
    throttled_ms > 0 ? throttled_ms : CHECK_PENDING_MS,
  );
};
