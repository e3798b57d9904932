/** What a request waits for of the log: an answer that has come, and not one that may never come. */
import { expect, test } from "bun:test";
import { AskedLog } from "../../../web/model/log-view.ts";
import { quiet } from "../../support/data.ts";
import { stillMonotonicClock } from "../../support/still-clock.ts";

const SPANS = [{ partition: 0, start: 0, end: 7 }];
const logOf = (ask: () => Promise<typeof SPANS>) => new AskedLog("embedded:", { ask, reset: () => {} }, quiet);

test("an embedded log that is read slowly, before anything else happens, has answered the request that asked", async () => {
  using clock = stillMonotonicClock();
  const log = logOf(async () => {
    clock.pass(80);
    return SPANS;
  });
  await log.refresh();
  expect(log.last).toMatchObject({ spans: SPANS, error: null });
  log.close();
});

test("a request does not wait for a broker that does not answer, also if another one asked it", async () => {
  using clock = stillMonotonicClock();
  const answer = Promise.withResolvers<typeof SPANS>();
  const log = logOf(() => answer.promise);
  await log.refresh();
  clock.pass(80);
  await log.refresh();
  expect(log.last.spans).toBeNull();
  answer.resolve(SPANS);
  await log.refresh();
  expect(log.last.spans).toEqual(SPANS);
  log.close();
});
