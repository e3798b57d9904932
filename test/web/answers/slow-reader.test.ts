/** A page that reads slowly gets fewer and newer messages, never a queue. */
import { expect, test } from "bun:test";
import { Hono } from "hono";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { EventHub } from "../../../web/answers/events.ts";
import { Updates } from "../../../web/answers/updates.ts";
import type { LogView } from "../../../web/model/log-view.ts";
import { Sources } from "../../../web/model/sources.ts";
import { quiet, tempDir } from "../../support/data.ts";
import { stillMonotonicClock } from "../../support/still-clock.ts";

const log: LogView = {
  name: "embedded:",
  last: { spans: null, asked_us: null, error: null, away_us: null },
  refresh: async () => {},
};

/** When the status in a message was made; null: it has none. */
function madeAt(chunk: Uint8Array | undefined): number | null {
  const [, at_ms] = /"at_ms":(\d+)/.exec(new TextDecoder().decode(chunk)) ?? [];
  return at_ms === undefined ? null : Number(at_ms);
}

test("while another page gets each status, one that does not read misses those in between", async () => {
  using dir = tempDir();
  // A status is due when the test moves the clock, and a page that waits for one is not late.
  using clock = stillMonotonicClock();
  const sources = new Sources(dataPaths(dir.path), log);
  const hub = new EventHub(sources, new Updates(sources), quiet);
  const app = new Hono().get("/events", hub.answer);
  const open = async () => {
    const answer = await app.request("/events", {}, { server: { timeout() {} } });
    const reader = answer.body!.getReader();
    return async () => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) throw new Error("the stream has ended");
        const at_ms = madeAt(value);
        if (at_ms !== null) return at_ms;
      }
    };
  };
  try {
    const [fast, slow] = [await open(), await open()];
    await slow();
    const all = [await fast()];
    while (all.length < 5) {
      clock.pass(1_000);
      all.push(await fast());
    }
    // The one that was made when it asked last, and then the newest.
    expect(await slow()).toBe(all[1]!);
    clock.pass(1_000);
    const newest = await slow();
    expect(newest).toBeGreaterThan(all.at(-1)!);
    expect(await fast()).toBe(newest);
  } finally {
    hub.close();
    sources.close();
  }
}, 120_000);
