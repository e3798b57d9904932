/** /events: what a page gets, from which position, and what a page costs that doesn't read. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createGunzip } from "node:zlib";
import { recordedLines, runPath } from "../../support/data.ts";
import { until } from "../../support/process.ts";
import { type Served, served } from "../../support/served.ts";

let server: Served;
/** What a page hears beyond 11.5 s, while the tests before its own run. */
let long: Promise<Message[]>;
beforeAll(async () => {
  server = await served(recordedLines().slice(0, 1_500));
  const started = performance.now();
  long = listen(
    (heard) =>
      performance.now() - started > 11_500 &&
      statusGaps(heard).some((ms) => ms < 1_500) &&
      statusGaps(heard).length >= 7,
  );
}, 120_000);
afterAll(() => server[Symbol.asyncDispose]());

interface Message {
  event: string;
  id: string;
  data: string;
}

/** Reads /events until `enough`, at most 2 minutes; fails if the stream ends before. */
async function listen(
  enough: (messages: Message[]) => boolean,
  headers: Record<string, string> = {},
  query = "",
): Promise<Message[]> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 120_000);
  const answer = await fetch(`${server.url}/events${query}`, { headers, signal: stop.signal });
  expect(answer.headers.get("content-type")).toBe("text/event-stream");
  const messages: Message[] = [];
  let text = "";
  try {
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      const parts = (text + chunk).split("\n\n");
      text = parts.pop()!;
      // One by one: to a client that was away several messages may come at once.
      for (const part of parts) {
        messages.push(parse(part));
        if (enough(messages)) return messages;
      }
    }
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
  throw new Error("the stream has ended");
}

function parse(text: string): Message {
  const message: Message = { event: "", id: "", data: "" };
  for (const line of text.split("\n")) {
    const [, name, value] = /^(event|id|data): ?(.*)$/.exec(line) ?? [];
    if (name === "data") message.data += `${value}\n`;
    else if (name) message[name as "event" | "id"] = value!;
  }
  return message;
}

const dataOf = (messages: Message[], event: string) =>
  messages.filter((m) => m.event === event).map((m) => JSON.parse(m.data));
/** Milliseconds between the statuses, by the server's clock. */
const statusGaps = (messages: Message[]) => {
  const at_ms = dataOf(messages, "status").map((status) => status.at_ms);
  return at_ms.slice(1).map((ms, i) => ms - at_ms[i]);
};
const idOf = (messages: Message[]) => messages.findLast((m) => m.id !== "")?.id ?? "";
const hasId = (messages: Message[]) => idOf(messages) !== "";

test("of products that are not there a client gets no parts, and few are sent at all", async () => {
  const made = (count: number) => `?${Array.from({ length: count }, (_, i) => `of=NONE-${i}/1m`).join("&")}`;
  const refused = await fetch(`${server.url}/events${made(64)}`);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "10"]);
  expect((await refused.json()).error.message).toBe("The open pages show 16 selections without data already.");
  const messages = await listen(hasId, {}, `${made(16)}&of=BTC-USD/1m`);
  expect(dataOf(messages, "parts").map(({ of }) => of)).toEqual(["BTC-USD/1m"]);
  expect(dataOf(messages, "status").length).toBeGreaterThanOrEqual(17);
});

test("a new page is to ask for its windows, and gets all parts and the status", async () => {
  const messages = await listen(hasId);
  expect(dataOf(messages, "windows")).toEqual([{ of: "BTC-USD/1m", reload: true, stream: [] }]);
  const [parts] = dataOf(messages, "parts");
  expect(parts.of).toBe("BTC-USD/1m");
  expect(Object.keys(parts.html).length).toBeGreaterThan(5);
  for (const [id, html] of Object.entries<string>(parts.html))
    expect([id, html.includes(`id="${id}"`)]).toEqual([id, true]);
  const [status] = dataOf(messages, "status");
  expect(status).toMatchObject({ of: "BTC-USD/1m", price: "25770.18", verdict: "6 of 6 equal", is_alarm: false });
});

test("Last-Event-ID: a known one continues with what changed; another file's, a later one or garbage reloads", async () => {
  await fetch(`${server.url}/api/chart?product=BTC-USD&window=1m`);
  const known = idOf(await listen(hasId));
  await runPath(server.data, recordedLines().slice(1_500, 1_600));
  const messages = await listen(hasId, { "Last-Event-ID": known });
  const [windows] = dataOf(messages, "windows");
  expect(windows.reload).toBe(false);
  expect(windows.stream.length).toBeGreaterThan(0);
  expect(windows.stream.length).toBeLessThan(4);
  const [batch] = dataOf(messages, "batch");
  expect([batch.reload, batch.run[0]]).toEqual([false, 2]);
  const [epoch, change] = known.split(".");
  for (const id of [`other.${change}`, `${epoch}.999999999`, "rubbish", `${epoch}.-1`, "' OR 1=1"]) {
    const [again] = dataOf(await listen(hasId, { "Last-Event-ID": id }), "windows");
    expect([id, again.reload]).toEqual([id, true]);
  }
  const here = dataOf(await listen(hasId, {}, `?of=BTC-USD/1m@${known}`), "windows");
  expect(here).toEqual([windows]);
}, 120_000);

test("a part is sent again only when its HTML has changed", async () => {
  const known = idOf(await listen(hasId));
  const messages = await listen(hasId, { "Last-Event-ID": known });
  const ids = dataOf(messages, "parts").flatMap(({ html }) => Object.keys(html));
  expect(ids).not.toContain("windows");
  expect(ids).not.toContain("verdict");
  expect(messages.some((m) => m.event === "windows")).toBe(false);
});

test("one stream serves several tabs, of which hidden ones get their title alone", async () => {
  const messages = await listen(hasId, {}, "?of=BTC-USD/1m&of=BTC-USD/60s&title=BTC-USD/5m&of=BTC-USD/1m");
  const heard = messages.filter((m) => m.event !== "").map((m) => `${m.event} ${JSON.parse(m.data).of}`);
  expect(heard.sort()).toEqual(
    [
      ...["windows", "parts", "status"].flatMap((event) => [`${event} BTC-USD/1m`, `${event} BTC-USD/60s`]),
      "title BTC-USD/5m",
    ].sort(),
  );
  const [title] = dataOf(messages, "title");
  expect(title).toMatchObject({ price: dataOf(messages, "status")[0].price, is_alarm: false });
  const wrong = async (query: string) => (await fetch(`${server.url}/events${query}`)).status;
  for (const query of ["?of=BTC-USD", "?of=BTC-USD/x", "?of=/1m", "?from=1", "?product=A&product=B", "?window=9m"])
    expect([query, await wrong(query)]).toEqual([query, query === "?window=9m" ? 404 : 400]);
  expect(await wrong(`?${"of=A/1m&".repeat(65)}`)).toBe(400);
});

test("windows that change while a page listens are sent without a request, and the parts that show them", async () => {
  let heard: Message[] = [];
  const listening = listen((all) => {
    heard = all;
    return (
      dataOf(all, "windows").length >= 2 &&
      dataOf(all, "parts")
        .slice(1)
        .some(({ html }) => "windows" in html)
    );
  });
  await until("the first message", () => hasId(heard));
  await runPath(server.data, recordedLines().slice(1_600, 1_900));
  const sent = dataOf(await listening, "windows");
  expect(sent.map((one) => one.reload)).toEqual([true, ...sent.slice(1).map(() => false)]);
  expect(sent.at(-1).stream.at(-1)[6]).toBeGreaterThan(0);
}, 120_000);

test("a stream stays open beyond Bun's idle limit, with a status every second", async () => {
  // How many come depends on the machine; two of them are a second apart.
  const gaps_ms = statusGaps(await long);
  expect(Math.min(...gaps_ms)).toBeLessThan(1_500);
  expect(gaps_ms.length).toBeGreaterThanOrEqual(7);
}, 120_000);

test("a compressed stream has the same events, one by one", async () => {
  const answer = await fetch(`${server.url}/events`, { headers: { "Accept-Encoding": "gzip" }, decompress: false });
  expect(answer.headers.get("content-encoding")).toBe("gzip");
  expect(answer.headers.get("cache-control")).toContain("no-transform");
  const gunzip = createGunzip().setEncoding("utf8");
  let text = "";
  gunzip.on("data", (chunk) => {
    text += chunk;
  });
  for await (const bytes of answer.body!) {
    // Each message can be read before the next one comes: in one piece or, on a busy machine, in several.
    await new Promise((resolve) => gunzip.write(bytes, resolve));
    const statuses = text.match(/^event: status$/gm)?.length ?? 0;
    if (statuses >= 20 || (statuses >= 3 && text.endsWith("\n\n"))) break;
  }
  expect(text).toEndWith("\n\n");
  expect(text).toStartWith(":  ");
  expect(text).toContain("\nretry: 1000\n\nevent: windows\n");
}, 120_000);

test("a hundred pages that don't read cost little, and are forgotten when they leave", async () => {
  const open = async () =>
    Number(/tidemark_open_pages (\d+)/.exec(await (await fetch(`${server.url}/metrics`)).text())![1]);
  await until("those of the tests before are forgotten", async () => (await open()) === 0);
  const stops = Array.from({ length: 100 }, () => new AbortController());
  const answers = await Promise.all(stops.map((stop) => fetch(`${server.url}/events`, { signal: stop.signal })));
  expect(answers.every((answer) => answer.status === 200)).toBe(true);
  expect(await open()).toBe(100);
  for (const stop of stops) stop.abort();
  await until("all are forgotten", async () => (await open()) === 0);
}, 120_000);
