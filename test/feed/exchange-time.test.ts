/** One request for the exchange's time: what it proves, and what is refused. */
import { expect, test } from "bun:test";
import { exchangeTime } from "../../scripts/feed/exchange-time.ts";

const never = new AbortController().signal;
const ISO = "2023-09-05T16:00:00";
const AT_US = 1_693_929_600_000_000;

/** A server that answers every request so. */
function answers(answer: (request: Request) => Response | Promise<Response>) {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer });
  return { url: `http://127.0.0.1:${server.port}`, [Symbol.asyncDispose]: () => server.stop(true) };
}

test.each([
  [`${ISO}Z`, AT_US, 1_000_000],
  [`${ISO}.2Z`, AT_US + 200_000, 100_000],
  [`${ISO}.201Z`, AT_US + 201_000, 1_000],
  [`${ISO}.201987Z`, AT_US + 201_987, 1],
  [`${ISO}.201987654Z`, AT_US + 201_987, 1],
])("%s is a time, as exact as its digits", async (iso, time_us, resolution_us) => {
  await using server = answers(() => Response.json({ iso, epoch: time_us / 1e6 }));
  const { sent_us, received_us, ...time } = await exchangeTime(`${server.url}/`, never);
  expect(time).toEqual({ time_us, resolution_us });
  expect(received_us).toBeWithin(sent_us, sent_us + 5_000_000);
});

test.each<[string, () => Response | Promise<Response>, string]>([
  ["a status", () => Response.json({ message: "NotFound" }, { status: 404 }), "REST answers 404"],
  ["a redirect", () => Response.redirect("http://127.0.0.1:1/time"), "REST answers 302"],
  ["no JSON", () => new Response("<html>"), "REST answers with text that is not JSON"],
  ["no time", () => Response.json({ epoch: 1 }), "REST answers without a time"],
  ["null", () => Response.json(null), "REST answers without a time"],
  ["a date that is none", () => Response.json({ iso: "2023-02-31T00:00:00Z" }), "REST answers without a time"],
  [
    "an answer of a cache",
    () => Response.json({ iso: `${ISO}Z` }, { headers: { age: "3" } }),
    "REST answers with a kept time",
  ],
  ["too many bytes", () => new Response("x".repeat(5_000_000)), "REST answers with more than 4194304 bytes"],
  ["no answer", () => Bun.sleep(60_000).then(() => new Response("")), "REST did not answer within 0.2 s"],
])("%s is refused with a sentence", async (what, answer, sentence) => {
  await using server = answers(answer);
  // Only the answer that never comes waits for its limit.
  const limit_ms = what === "no answer" ? 200 : 30_000;
  await expect(exchangeTime(server.url, never, limit_ms)).rejects.toThrow(sentence);
});

test("a request asks for an answer that no cache has kept, and ends with the signal", async () => {
  const asked = Promise.withResolvers<Request>();
  await using server = answers((request) => {
    asked.resolve(request);
    return Bun.sleep(60_000).then(() => new Response(""));
  });
  const stop = new AbortController();
  const time = exchangeTime(server.url, stop.signal);
  expect((await asked.promise).headers.get("cache-control")).toBe("no-cache");
  stop.abort(new Error("stopping"));
  await expect(time).rejects.toThrow("stopping");
});
