/** /events: what a page gets, from which position, and what a page costs that doesn't read. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { recordedLines, runPath } from "../../support/data.ts";
import { until } from "../../support/process.ts";
import { type Served, served } from "../../support/served.ts";

let server: Served;
/** What a page hears in 11.5 s, while the tests before its own run. */
let long: Promise<Message[]>;
beforeAll(async () => {
  server = await served(recordedLines().slice(0, 1_500));
  const started = performance.now();
  long = listen(() => performance.now() - started > 11_500);
}, 60_000);
afterAll(() => server[Symbol.asyncDispose]());

interface Message {
  event: string;
  id: string;
  data: string;
}

/** Reads /events until `enough`, at most 15 s. */
async function listen(
  enough: (messages: Message[]) => boolean,
  headers: Record<string, string> = {},
  query = "",
): Promise<Message[]> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 15_000);
  const answer = await fetch(`${server.url}/events${query}`, { headers, signal: stop.signal });
  expect(answer.headers.get("content-type")).toBe("text/event-stream");
  const messages: Message[] = [];
  let text = "";
  try {
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      const parts = (text + chunk).split("\n\n");
      text = parts.pop()!;
      messages.push(...parts.map(parse));
      if (enough(messages)) break;
    }
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
  return messages;
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

const windowsOf = (messages: Message[]) =>
  messages.filter((m) => m.event === "windows").map((m) => ({ id: m.id, ...JSON.parse(m.data) }));
const hasWindows = (messages: Message[]) => windowsOf(messages).length > 0;

test("a new page gets a snapshot of its windows, the batch and the status", async () => {
  const messages = await listen((all) => all.some((m) => m.event === "batch") && all.length >= 4);
  const [first] = windowsOf(messages);
  expect(first).toMatchObject({ snapshot: true });
  expect(first.rows[0]).toEqual([1693929600, 25740.3361344538, 238, 8.40453046, 1]);
  expect(
    messages
      .filter((m) => m.event === "")
      .map((m) => m.data)
      .join(""),
  ).toContain('hx-target="#verdict"');
  expect(JSON.parse(messages.find((m) => m.event === "batch")!.data).minutes.length).toBe(first.rows.length);
});

test("Last-Event-ID: a known one continues with what changed; another file's, a later one or garbage gets a snapshot", async () => {
  const [first] = windowsOf(await listen(hasWindows));
  await runPath(server.data, recordedLines().slice(1_500, 1_600));
  const [delta] = windowsOf(await listen(hasWindows, { "Last-Event-ID": first.id }));
  expect(delta.snapshot).toBe(false);
  expect(delta.rows.length).toBeGreaterThan(0);
  expect(delta.rows.length).toBeLessThan(first.rows.length);
  const [epoch, change] = first.id.split(".");
  for (const id of [`other.${change}`, `${epoch}.999999999`, "rubbish", `${epoch}.-1`, "' OR 1=1"]) {
    const [again] = windowsOf(await listen(hasWindows, { "Last-Event-ID": id }));
    expect([id, again.snapshot]).toEqual([id, true]);
  }
}, 30_000);

test("windows that change while a page listens are sent without a request", async () => {
  let heard = 0;
  const listening = listen((all) => {
    heard = windowsOf(all).length;
    return heard >= 2;
  });
  await until("the snapshot", () => heard === 1);
  await runPath(server.data, recordedLines().slice(1_600, 1_900));
  const sent = windowsOf(await listening);
  expect(sent.map((one) => one.snapshot)).toEqual([true, false]);
  expect(sent[1].rows.at(-1)[2]).toBeGreaterThan(0);
}, 30_000);

test("a stream stays open beyond Bun's idle limit, with a status every second", async () => {
  const messages = await long;
  expect(messages.filter((m) => m.data.includes('hx-target="#strip"')).length).toBeGreaterThanOrEqual(8);
}, 20_000);

test("a hundred pages that don't read cost little, and are forgotten when they leave", async () => {
  const stops = Array.from({ length: 100 }, () => new AbortController());
  const answers = await Promise.all(stops.map((stop) => fetch(`${server.url}/events`, { signal: stop.signal })));
  expect(answers.every((answer) => answer.status === 200)).toBe(true);
  const open = async () =>
    Number(/tidemark_open_pages (\d+)/.exec(await (await fetch(`${server.url}/metrics`)).text())![1]);
  expect(await open()).toBe(100);
  for (const stop of stops) stop.abort();
  await until("all are forgotten", async () => (await open()) === 0, { ms: 10_000 });
}, 30_000);
