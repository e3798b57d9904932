/** The exchange's time by one request to REST, with the times of ours between which it was read. */
import { monotonicMs, nowUs, settleClock } from "../base/clock.ts";
import { usFromIso } from "../base/iso.ts";
import { REST_MS_MAX } from "../base/limits.ts";
import { jsonOf, restFetch, withinAnswerTime } from "./rest-fetch.ts";

/** Our clock was set if it moves by more against the monotonic one within a request. */
const MOVED_MS_MAX = 2;

/**
 * Asks `GET /time` (docs/feed.md "REST time"). All in microseconds; `resolution_us` is that of the
 * text's last digit. Rejects with an Error for people.
 */
export async function exchangeTime(rest_url: string, signal: AbortSignal, answer_ms = REST_MS_MAX) {
  return withinAnswerTime(answer_ms, signal, async (stop) => {
    settleClock();
    const [sent_us, sent_ms] = [nowUs(), monotonicMs()];
    const response = await restFetch(`${rest_url.replace(/\/+$/, "")}/time`, stop, { "cache-control": "no-cache" });
    const [received_us, received_ms] = [nowUs(), monotonicMs()];
    if (Math.abs((received_us - sent_us) / 1_000 - (received_ms - sent_ms)) > MOVED_MS_MAX)
      throw new Error("this machine's clock was set during the request");
    return { sent_us, received_us, ...(await timeOf(response)) };
  });
}

async function timeOf(response: Response): Promise<{ time_us: number; resolution_us: number }> {
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`REST answers ${response.status}`);
  }
  const { iso } = ((await jsonOf(response)) ?? {}) as { iso?: unknown };
  // A cache may keep an answer: its age is in whole seconds.
  if (Number(response.headers.get("age") ?? 0) !== 0) throw new Error("REST answers with a kept time");
  const time_us = typeof iso === "string" ? usFromIso(iso) : null;
  if (time_us === null) throw new Error("REST answers without a time");
  const digits = /\.(\d+)/.exec(String(iso))?.[1]?.length ?? 0;
  return { time_us, resolution_us: 10 ** Math.max(0, 6 - digits) };
}
