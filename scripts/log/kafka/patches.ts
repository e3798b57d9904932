/**
 * The three changes that Tidemark makes to kafkajs 2.2.4, all by one call; importing a file changes
 * nothing.
 */
import { CompressionCodecs, CompressionTypes } from "kafkajs";
import RequestQueue from "kafkajs/src/network/requestQueue";
import fetchResponse from "kafkajs/src/protocol/requests/fetch/v11/response";
import { nowMs } from "../../base/clock.ts";
import { CODEC_NAMES, CodecError, decompress } from "./codecs.ts";
import { decodeFetch } from "./fetch.ts";

let isPatched = false;

/**
 * Patches kafkajs for all clients of this process; a second call changes nothing. Opening a log on
 * Kafka calls it; the reader that `bench` compares with (raw-reader.ts) runs kafkajs as published.
 */
export function patchKafkajs(): void {
  if (isPatched) return;
  isPatched = true;
  decodeFetches();
  addCodecs();
  restIdleQueues();
}

/** fetch.ts decodes plain record batches without an object per message: half of kafkajs's time. */
function decodeFetches(): void {
  const decode = fetchResponse.decode;
  fetchResponse.decode = async (bytes) => decodeFetch(bytes) ?? decode(bytes);
}

/** Codecs for the batches that kafkajs decodes itself (transactions): it has only gzip. */
function addCodecs(): void {
  for (const type of [CompressionTypes.Snappy, CompressionTypes.LZ4, CompressionTypes.ZSTD] as const) {
    CompressionCodecs[type] = () => ({
      compress: () => Promise.reject(new CodecError(`Compressing with ${CODEC_NAMES[type]} is not supported`)),
      decompress: async (packed: Buffer) => decompress(type, packed),
    });
  }
}

/** How long kafkajs itself waits before it checks a queue again, milliseconds. */
const CHECK_PENDING_MS = 10;

/**
 * kafkajs checks an idle queue a thousand times a second, by a negative delay that Bun 1.4.5 warns
 * of (TimeoutNegativeWarning). An empty queue needs no check: adding a request to it schedules one.
 */
function restIdleQueues(): void {
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
}
