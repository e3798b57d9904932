/** Which failures of the first connection are tried again before the recording is played. */
import { expect, test } from "bun:test";
import { createLogger } from "../../scripts/base/logger.ts";
import { reachable } from "../../scripts/supervisor/reachable.ts";

const URL = "ws://feed.example";

/** Asks with sockets that end like this, one after the other: "" opens, a code fails. */
async function asked(...ends: string[]) {
  const warnings: string[] = [];
  const logger = createLogger("test", { verbose: false });
  logger.level = "silent";
  logger.warn = ((text: string) => void warnings.push(text)) as typeof logger.warn;
  let sockets = 0;
  const socketTo = () => {
    const code = ends[sockets++]!;
    const socket = { close() {} } as WebSocket;
    const event = { error: Object.assign(new Error("Failed to connect"), { code }) } as unknown as Event;
    queueMicrotask(() => (code === "" ? socket.onopen!(event) : socket.onerror!(event)));
    return socket;
  };
  const feed = await reachable(URL, { logger, signal: new AbortController().signal }, socketTo);
  return { feed, sockets, warnings };
}

test("a feed that refuses at first is waited for; without a network the recording is played at once", async () => {
  expect(await asked("")).toEqual({ feed: URL, sockets: 1, warnings: [] });
  expect(await asked("ECONNREFUSED", "ECONNREFUSED", "")).toEqual({ feed: URL, sockets: 3, warnings: [] });
  for (const code of ["ENOTFOUND", "ENETUNREACH"]) {
    const { feed, sockets, warnings } = await asked(code);
    expect([feed, sockets]).toEqual([null, 1]);
    expect(warnings).toEqual([expect.stringContaining("can't be reached (it can't be connected to): playing the")]);
  }
});
